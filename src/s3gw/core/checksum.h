#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "crypto/digest.h"
#include "wire/entry.h"

// The checksums of S3: "Checking object integrity" of the S3 user guide.

namespace kelp::s3 {

/// All names, as AWS's error texts list them.
inline constexpr std::string_view kChecksumNames =
    "[CRC32, CRC32C, CRC64NVME, SHA1, SHA256, SHA512, MD5, XXHASH64, XXHASH3, XXHASH128]";

/// "CRC32", "XXHASH3" and so on.
[[nodiscard]] std::string_view name_of(ChecksumAlgorithm algorithm);
/// "x-amz-checksum-crc32" and so on, lower-case.
[[nodiscard]] std::string_view header_of(ChecksumAlgorithm algorithm);
/// "crc32" and so on, as most of AWS's error texts name it.
[[nodiscard]] std::string_view lower_name_of(ChecksumAlgorithm algorithm);
/// By name_of(), in any case; nothing for another.
[[nodiscard]] std::optional<ChecksumAlgorithm> checksum_by_name(std::string_view name);
/// By header_of(), in any case; nothing for another.
[[nodiscard]] std::optional<ChecksumAlgorithm> checksum_by_header(std::string_view header);
/// "FULL_OBJECT" or "COMPOSITE".
[[nodiscard]] std::string_view name_of(ChecksumType type);

/// The value as S3 writes it: base64, with "-N" for a COMPOSITE of N parts.
[[nodiscard]] std::string checksum_text(const Checksum& checksum);
/// Reads base64 of the algorithm's length, FULL_OBJECT; nothing when it is not that.
[[nodiscard]] std::optional<Checksum> parse_checksum(ChecksumAlgorithm algorithm,
                                                     std::string_view text);

/// Computes one checksum over a stream. finish() starts over. Movable; used by one thread at a
/// time.
class ChecksumHasher {
 public:
  explicit ChecksumHasher(ChecksumAlgorithm algorithm);
  void update(ByteSpan bytes);
  /// The raw value, big-endian for the CRCs and XXHASH.
  [[nodiscard]] std::string finish();
  [[nodiscard]] ChecksumAlgorithm algorithm() const { return algorithm_; }

 private:
  ChecksumAlgorithm algorithm_;
  std::uint64_t crc_ = 0;
  std::optional<Digest> digest_;
};

}  // namespace kelp::s3
