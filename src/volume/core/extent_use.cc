#include "volume/core/extent_use.h"

#include <fmt/core.h>

namespace kelp {

bool is_kept(const ExtentUse& use) {
  return use.live_bytes > 0 && use.live_bytes >= use.body_bytes - use.live_bytes;
}

void ExtentsUse::add(const PackedPlace& place, std::uint64_t bytes) {
  const auto found = extents.find(place.extent);
  if (found == extents.end()) {
    ++homeless;
    return;
  }
  found->second.live_bytes += bytes;
  const ExtentUse& use = found->second;
  if (use.cookie != place.cookie || use.live_bytes > use.body_bytes) ++homeless;
}

bool ExtentsUse::keeps(NeedleKey extent) const {
  const auto found = extents.find(extent);
  return found != extents.end() && is_kept(found->second);
}

std::uint64_t ExtentsUse::bytes_anew() const {
  std::uint64_t bytes = 0;
  for (const auto& [key, use] : extents) bytes += is_kept(use) ? use.body_bytes : use.live_bytes;
  return bytes;
}

SparseVolume ExtentsUse::summary(VolumeId volume) const {
  SparseVolume sum{.volume = volume};
  for (const auto& [key, use] : extents) {
    if (use.live_bytes == 0) continue;
    sum.extent_bytes += use.body_bytes;
    if (!is_kept(use)) sum.garbage_bytes += use.body_bytes - use.live_bytes;
  }
  return sum;
}

PackedNeedle packed_needle(const NeedleHeader& stub, PackedPlace place) {
  PackedNeedle needle{stub, std::move(place)};
  needle.header.body_bytes = stub.packed_bytes;
  needle.header.packed_bytes = 0;
  return needle;
}

Result<std::string_view> image_in(std::string_view extent, const PackedNeedle& needle) {
  const NeedleLayout layout = layout_of(needle.header);
  const std::uint64_t offset = needle.place.offset;
  const auto refuse = [&needle](std::string_view why) {
    return Error(Errc::kCorruption,
                 fmt::format("needle {:x} in extent {:x}: {}", needle.header.key.value,
                             needle.place.extent.value, why));
  };
  if (offset < layout.body_offset || offset - layout.body_offset > extent.size() ||
      layout.total_bytes > extent.size() - (offset - layout.body_offset)) {
    return refuse("it does not lie in it");
  }
  const std::string_view image = extent.substr(offset - layout.body_offset, layout.total_bytes);
  KELP_TRY(const WholeNeedle whole, decode_needle(as_bytes(image), kImageSeed));
  if (whole.header != needle.header) return refuse("another needle lies there");
  if (!packed_matches(needle.place, 0, whole.body)) return refuse("wrong checksum");
  return image;
}

}  // namespace kelp
