#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "base/ids.h"

namespace kelp {

/// Set in the key of an extent (docs/formats/extent.md); the rest is the key of its first needle.
/// No master leases such a key.
inline constexpr std::uint64_t kExtentBit = 1ULL << 63;
/// Lists that go on after this key are of extents; those that begin before it have none.
inline constexpr NeedleKey kLastNeedleKey{kExtentBit - 1};

/// Whether it is the key of an extent.
[[nodiscard]] constexpr bool is_extent(NeedleKey key) {
  return (key.value & kExtentBit) != 0;
}

/// Where the body of a packed needle lies (docs/formats/extent.md), and what it has to be like.
struct PackedPlace {
  NeedleKey extent;              ///< The striped needle of the same volume that has it inside.
  Cookie cookie;                 ///< Of the extent.
  std::uint64_t offset = 0;      ///< Of the body's first byte in that of the extent.
  std::uint64_t body_bytes = 0;  ///< 1 to 64 MiB.
  std::string table;             ///< CRC-32C of each block of 64 KiB of the body, 4 bytes each.
  friend bool operator==(const PackedPlace&, const PackedPlace&) = default;
};

/// A packed volume whose extents have garbage inside (docs/adr/0015-repacking.md).
struct SparseVolume {
  VolumeId volume;
  std::uint64_t extent_bytes = 0;   ///< Of the bodies of all its extents, of all shards together.
  std::uint64_t garbage_bytes = 0;  ///< What of that would be gone if it were packed anew.
  friend bool operator==(const SparseVolume&, const SparseVolume&) = default;
};

/// Body bytes of a packed needle that are read together, so that they can be verified.
struct PackedRange {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;  ///< Past the last one.
};
/// The whole blocks that hold body bytes [offset, offset + bytes), which must lie in it.
[[nodiscard]] PackedRange blocks_around(const PackedPlace& place, std::uint64_t offset,
                                        std::uint64_t bytes);
/// True when `bytes`, whole blocks from body byte `begin` on, are what was stored.
[[nodiscard]] bool packed_matches(const PackedPlace& place, std::uint64_t begin, ByteSpan bytes);

}  // namespace kelp
