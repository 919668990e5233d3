// What VolumeFile knows of the extents and stubs of a packed volume (docs/formats/extent.md).

#include <fmt/core.h>

#include <map>

#include "base/rng.h"
#include "volume/core/packing.h"
#include "volume/store/volume_file.h"

namespace kelp {
namespace {

constexpr std::size_t kPage = 1024;

}  // namespace

bool VolumeFile::holds_extents() const {
  const std::lock_guard lock(mutex_);
  return index_.may_have_over(kLastNeedleKey);
}

/// Of stubs and extents alike on every member: what differs between them are the shards' bytes
/// alone. Each stub must have its extent here. What is not packed counts as it is.
Result<VolumeDigest> VolumeFile::packed_digest() {
  VolumeDigest digest{.generation = role().generation};
  const auto add = [&digest](NeedleKey key, Cookie cookie, std::uint64_t more) {
    const std::uint64_t seed = cookie.value + (more << 32U);
    digest.keys_hash += Rng(key.value * 0x9e3779b97f4a7c15ULL + seed).next();
  };
  std::map<NeedleKey, std::pair<Cookie, std::uint64_t>> extents;  // and the body's length
  KELP_CHECK(each_needle(kLastNeedleKey, [&](const IndexEntry& entry) -> Result<void> {
    NeedleHeader header;
    KELP_CHECK(reader_.read_header(entry.place, ReadMode::kMayWait, header));
    if (header.key != entry.key || !header.part) return does_not_check(entry);
    extents[entry.key] = {header.cookie, header.part->body_bytes};
    add(entry.key, header.cookie, 0);
    return {};
  }));
  KELP_CHECK(each_needle(std::nullopt, [&](const IndexEntry& entry) -> Result<void> {
    if (is_extent(entry.key)) return {};
    const auto found = reader_.read_stub(entry, ReadMode::kMayWait);
    if (!found.has_value() && found.error().code() == Errc::kConflict) {
      NeedleHeader header;
      KELP_CHECK(reader_.read_header(entry.place, ReadMode::kMayWait, header));
      if (header.key != entry.key) return does_not_check(entry);
      add(entry.key, header.cookie, 0);
      ++digest.needles;
      digest.live_bytes += header.part ? header.part->body_bytes : header.body_bytes;
      return {};
    }
    KELP_TRY(const auto stub, found);
    const PackedPlace& place = stub->place;
    const auto extent = extents.find(place.extent);
    if (extent == extents.end() || extent->second.first != place.cookie ||
        place.offset + place.body_bytes > extent->second.second) {
      return Error(Errc::kCorruption,
                   fmt::format("volume {}: needle {:x} lies in extent {:x}, which is not here",
                               superblock_.volume.value, entry.key.value, place.extent.value));
    }
    add(entry.key, stub->header.cookie, place.offset);
    ++digest.needles;
    digest.live_bytes += place.body_bytes;
    return {};
  }));
  return digest;
}

Result<ExtentsUse> VolumeFile::extents_use() {
  ExtentsUse use;
  KELP_CHECK(each_needle(kLastNeedleKey, [&](const IndexEntry& entry) -> Result<void> {
    NeedleHeader header;
    const auto read = reader_.read_header(entry.place, ReadMode::kMayWait, header);
    // A damaged one is healed first.
    if (read.has_value() && header.part) {
      use.extents[entry.key] = {.cookie = header.cookie, .body_bytes = header.part->body_bytes};
    }
    return {};
  }));
  KELP_CHECK(each_needle(std::nullopt, [&](const IndexEntry& entry) -> Result<void> {
    if (is_extent(entry.key)) return {};
    const auto stub = reader_.read_stub(entry, ReadMode::kMayWait);
    if (!stub.has_value()) return still_at(entry) ? Result<void>(stub.error()) : Result<void>();
    const PackedNeedle needle = packed_needle((*stub)->header, (*stub)->place);
    use.add(needle.place, layout_of(needle.header).total_bytes);
    return {};
  }));
  return use;
}

/// The extent that a stub points into; of an extent its own key.
Result<NeedleKey> VolumeFile::extent_of(const IndexEntry& entry) {
  if (is_extent(entry.key)) return entry.key;
  KELP_TRY(const auto stub, reader_.read_stub(entry, ReadMode::kMayWait));
  return stub->place.extent;
}

Result<std::string> VolumeFile::read_kept(const ExtentsUse& use, const VolumeFile& into,
                                          NeedleKey& after) {
  std::string batch;
  LogStream log = stream();
  while (true) {
    KELP_TRY(const auto page, list(after, kPage));
    for (const IndexEntry& entry : page) {
      if (!batch.empty() && batch.size() + entry.place.bytes > kBatchBytes) return batch;
      KELP_TRY(const auto there, into.find(entry.key));
      if (!there.has_value()) {
        KELP_TRY(const NeedleKey extent, extent_of(entry));
        if (use.keeps(extent)) {
          KELP_CHECK(append_image(entry, log, batch));
        }
      }
      after = entry.key;
    }
    if (page.size() < kPage) return batch;
  }
}

Result<std::vector<PackedNeedle>> VolumeFile::next_extent(const ExtentsUse& use, NeedleKey after) {
  std::vector<PackedNeedle> needles;
  std::uint64_t bytes = 0;
  while (after < kLastNeedleKey) {
    KELP_TRY(const auto page, list(after, kPage));
    for (const IndexEntry& entry : page) {
      if (is_extent(entry.key)) return needles;
      KELP_TRY(auto stub, reader_.read_stub(entry, ReadMode::kMayWait));
      after = entry.key;
      if (use.keeps(stub->place.extent)) continue;
      PackedNeedle needle = packed_needle(stub->header, std::move(stub->place));
      const std::uint64_t more = layout_of(needle.header).total_bytes;
      if (bytes >= kExtentBytes || bytes + more > kMaxNeedleBodyBytes) return needles;
      bytes += more;
      needles.push_back(std::move(needle));
    }
    if (page.size() < kPage) break;
  }
  return needles;
}

Result<NeedleRun> VolumeFile::next_run(NeedleKey after) {
  NeedleRun run;
  std::uint64_t bytes = 0;
  while (after < kLastNeedleKey) {
    KELP_TRY(const auto page, list(after, kPage));
    for (const IndexEntry& entry : page) {
      if (is_extent(entry.key)) return run;
      auto stub = reader_.read_stub(entry, ReadMode::kMayWait);
      if (!stub.has_value() && stub.error().code() == Errc::kConflict) {
        if (!run.packed.empty()) return run;
        KELP_TRY(const auto part, reader_.read_part(entry, 0, 0, ReadMode::kMayWait));
        KELP_TRY(run.striped, decode_needle_frame(as_bytes(part->frame), kImageSeed));
        return run;
      }
      KELP_CHECK(stub);
      PackedNeedle needle = packed_needle((*stub)->header, std::move((*stub)->place));
      const NeedleKey extent = needle.place.extent;
      const std::uint64_t more = layout_of(needle.header).total_bytes;
      // Extents are read once each where they lie in order: none is begun unless what is there is
      // little.
      const bool begins = !run.packed.empty() && run.packed.back().place.extent != extent;
      if ((begins && bytes >= kExtentBytes / 2) || bytes + more > kMaxNeedleBodyBytes) return run;
      if (!run.extents.contains(extent)) {
        KELP_TRY(run.extents[extent], extent_at(needle.place));
      }
      bytes += more;
      after = entry.key;
      run.packed.push_back(std::move(needle));
    }
    if (page.size() < kPage) break;
  }
  return run;
}

/// The extent that a stub says, as it is here.
Result<ExtentUse> VolumeFile::extent_at(const PackedPlace& place) {
  KELP_TRY(const IndexEntry entry, entry_of(place.extent));
  NeedleHeader header;
  KELP_CHECK(reader_.read_header(entry.place, ReadMode::kMayWait, header));
  if (header.key == place.extent && header.part && header.cookie == place.cookie) {
    return ExtentUse{.cookie = header.cookie, .body_bytes = header.part->body_bytes};
  }
  return Error(Errc::kCorruption, fmt::format("volume {}: extent {:x} is not as it was packed",
                                              superblock_.volume.value, place.extent.value));
}

Result<EcScheme> VolumeFile::scheme_of(NeedleKey key) {
  KELP_TRY(const auto place, find(key));
  if (!place.has_value()) return EcScheme{};
  NeedleHeader header;
  KELP_CHECK(reader_.read_header(*place, ReadMode::kMayWait, header));
  return header.part ? header.part->scheme : EcScheme{};
}

Result<void> VolumeFile::check_same_needles(VolumeFile& other) {
  std::uint64_t here = 0;
  std::uint64_t there = 0;
  KELP_CHECK(each_needle(std::nullopt, [&here](const IndexEntry& entry) -> Result<void> {
    if (!is_extent(entry.key)) ++here;
    return {};
  }));
  KELP_CHECK(other.each_needle(std::nullopt, [&](const IndexEntry& entry) -> Result<void> {
    if (is_extent(entry.key)) return {};
    ++there;
    if (find(entry.key).has_value()) return {};
    return Error(Errc::kCorruption,
                 fmt::format("volume {}: needle {:x} is missing in what was packed anew",
                             superblock_.volume.value, entry.key.value));
  }));
  if (here == there) return {};
  return Error(Errc::kCorruption,
               fmt::format("volume {}: {} needles are packed anew, {} were there",
                           superblock_.volume.value, here, there));
}

}  // namespace kelp
