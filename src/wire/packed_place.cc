#include "wire/packed_place.h"

#include <algorithm>
#include <cstring>

#include "base/crc.h"

namespace kelp {
namespace {

constexpr std::uint64_t kBlockBytes = 64 * 1024;

}  // namespace

PackedRange blocks_around(const PackedPlace& place, std::uint64_t offset, std::uint64_t bytes) {
  const std::uint64_t end = (offset + bytes + kBlockBytes - 1) / kBlockBytes * kBlockBytes;
  return {offset / kBlockBytes * kBlockBytes, std::min(end, place.body_bytes)};
}

bool packed_matches(const PackedPlace& place, std::uint64_t begin, ByteSpan bytes) {
  for (std::uint64_t block = begin / kBlockBytes; !bytes.empty(); ++block) {
    std::uint32_t stored = 0;
    if ((block + 1) * sizeof stored > place.table.size()) return false;
    std::memcpy(&stored, place.table.data() + block * sizeof stored, sizeof stored);
    const std::size_t take = std::min<std::size_t>(bytes.size(), kBlockBytes);
    if (crc32c(bytes.first(take)) != stored) return false;
    bytes = bytes.subspan(take);
  }
  return true;
}

}  // namespace kelp
