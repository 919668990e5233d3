#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/ids.h"

namespace kelp {

using Uuid = std::array<std::byte, 16>;

/// "8-4-4-4-12" hex digits, lower case.
[[nodiscard]] std::string to_string(const Uuid& uuid);
/// kInvalidArgument for anything else than to_string() makes (upper case is accepted).
[[nodiscard]] Result<Uuid> parse_uuid(std::string_view text);

inline constexpr std::uint32_t kVolumeVersion = 1;
inline constexpr std::size_t kSuperblockBytes = 4096;  ///< The first needle follows at once.
inline constexpr std::size_t kMaxCollectionBytes = 255;

/// What a volume's file says about itself (docs/formats/volume.md).
struct Superblock {
  VolumeId volume;
  Generation generation;
  Uuid cluster_id{};
  std::array<std::byte, 16> salt{};  ///< Random and secret; seeds the checksums of headers.
  std::int64_t created_ns = 0;       ///< Nanoseconds since 1970, UTC.
  std::string collection;            ///< At most kMaxCollectionBytes.
  friend bool operator==(const Superblock&, const Superblock&) = default;
};

/// kSuperblockBytes bytes.
[[nodiscard]] std::string encode_superblock(const Superblock& superblock);
/// kCorruption for anything that encode_superblock() would not make; kUnimplemented, naming both
/// versions, for another version.
[[nodiscard]] Result<Superblock> decode_superblock(ByteSpan bytes);

}  // namespace kelp
