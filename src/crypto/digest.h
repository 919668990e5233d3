#pragma once

#include <array>
#include <memory>
#include <string>

#include "base/bytes.h"

namespace kelp {

/// What a Digest can compute.
enum class DigestAlgorithm : std::uint8_t {
  kMd5,
  kSha1,
  kSha256,
  kSha512,
  kXxhash64,  ///< This and the next two find accidents, not forgers.
  kXxhash3,
  kXxhash128,
};

using Sha256 = std::array<std::byte, 32>;

/// A streaming digest (RFC 1321, FIPS 180-4, the XXH specification with seed 0). Reusable: finish()
/// starts over. Not thread-safe.
class Digest {
 public:
  explicit Digest(DigestAlgorithm algorithm);
  ~Digest();
  Digest(Digest&&) noexcept;
  Digest& operator=(Digest&&) noexcept;

  void update(ByteSpan bytes);
  void update(std::string_view text) { update(as_bytes(text)); }
  /// The raw digest, 8 to 64 bytes; of XXH its canonical form, big-endian. The object is then as
  /// new.
  [[nodiscard]] std::string finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// One-shot SHA-256, without an allocation after a thread's first call.
[[nodiscard]] Sha256 sha256(std::string_view text);
/// HMAC-SHA-256 (RFC 2104), without an allocation after a thread's first call.
[[nodiscard]] Sha256 hmac_sha256(std::string_view key, std::string_view text);
/// HMAC-SHA-1: SigV2 presigned queries only.
[[nodiscard]] std::string hmac_sha1(std::string_view key, std::string_view text);
[[nodiscard]] inline std::string_view view(const Sha256& digest) {
  return as_text(digest);
}

/// Compares in time that depends on the lengths only.
[[nodiscard]] bool equal_constant_time(std::string_view a, std::string_view b);

}  // namespace kelp
