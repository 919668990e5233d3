// Packed volumes from whose extents much was removed: what VolumeService does so that they are
// packed anew (docs/adr/0015-repacking.md).

#include <fmt/core.h>

#include "base/log.h"
#include "volume/copying.h"
#include "volume/core/packing.h"
#include "volume/extent_read.h"
#include "volume/store/volume_file.h"
#include "volume/volume_service.h"

namespace kelp {
namespace {

using UsePtr = std::shared_ptr<const ExtentsUse>;

constexpr std::uint64_t kStubBytes = 256;  ///< About.

/// In place of the address of one source. Only what this process made is gone on with: a power cut
/// may have torn the rest.
const std::string kMembers = "members";

/// Whether an earlier attempt made the extent of these needles. Blocks.
bool is_made(const VolumeFile& copy, const std::vector<PackedNeedle>& needles) {
  const auto has = [&copy](NeedleKey key) {
    return copy.find(key).value_or(std::nullopt).has_value();
  };
  const NeedleKey extent{needles.front().header.key.value | kExtentBit};
  return has(extent) && std::ranges::all_of(needles, [&has](const PackedNeedle& needle) {
           return has(needle.header.key);
         });
}

}  // namespace

Task<Result<VolumeDigest>> VolumeService::repack(VolumeId volume, Generation generation,
                                                 std::string collection, StripeSources from,
                                                 Urgency urgency) {
  auto make = [&] {
    return repack_alone(volume, generation, std::move(collection), std::move(from), urgency);
  };
  co_return co_await one_at_a_time(volume, std::move(make));
}

Task<Result<VolumeDigest>> VolumeService::repack_alone(VolumeId volume, Generation generation,
                                                       std::string collection, StripeSources from,
                                                       Urgency urgency) {
  const auto count = [](VolumePtr of) { return [of] { return of->packed_digest(); }; };
  KELP_CO_CHECK(check_scheme(from.scheme));
  if (from.shard >= from.scheme.shards()) {
    co_return Error(Errc::kInvalidArgument,
                    fmt::format("{} has no shard {}", to_string(from.scheme), from.shard));
  }
  if (const auto adopted = find_adopted(volume, generation); adopted != nullptr) {
    co_return co_await offload<VolumeDigest>(parts_.pool, count(adopted));
  }
  KELP_CO_TRY(const VolumePtr here, find(volume));
  KELP_CO_CHECK(check_frozen(*here, generation));
  if (!here->holds_extents()) {
    co_return Error(Errc::kConflict, fmt::format("volume {} is not packed here", volume.value));
  }
  auto begin = [this, volume, generation, &collection] {
    return begin_packing(volume, generation, collection, kMembers);
  };
  KELP_CO_TRY(const VolumePtr copy, co_await offload<VolumePtr>(parts_.pool, std::move(begin)));
  if (!copy->role().frozen) {
    (void)go_on_after(*copy, kMembers);
    KELP_CO_CHECK(co_await make_anew(here, copy, std::move(from), urgency));
    KELP_CO_CHECK(check_frozen(*here, generation));  // all the while
    // From here on it is whole, and no later attempt begins anew.
    KELP_CO_CHECK(co_await copy->set_role(generation, {generation, true}));
  }
  keep_packed(volume, copy);
  co_return co_await offload<VolumeDigest>(parts_.pool, count(copy));
}

Task<Result<void>> VolumeService::make_anew(VolumePtr here, VolumePtr copy, StripeSources from,
                                            Urgency urgency) {
  auto look = [here]() -> Result<UsePtr> {
    KELP_TRY(ExtentsUse use, here->extents_use());
    return std::make_shared<const ExtentsUse>(std::move(use));
  };
  KELP_CO_TRY(const UsePtr use, co_await offload<UsePtr>(parts_.pool, std::move(look)));
  if (use->homeless > 0) {
    co_return Error(Errc::kCorruption,
                    fmt::format("volume {}: the extents of {} needles are not here as they were "
                                "packed",
                                here->superblock().volume.value, use->homeless));
  }
  // All of it at once: half of it would take the room of clients' needles for nothing.
  const std::uint64_t whole =
      use->bytes_anew() / from.scheme.data + here->status().needle_count * kStubBytes;
  KELP_CO_CHECK(check_space(whole - std::min(whole, copy->status().live_bytes)));
  KELP_CO_CHECK(co_await copy_kept(here, copy, use, urgency));
  KELP_CO_CHECK(co_await pack_sparse(here, copy, use, std::move(from), urgency));
  auto compare = [here, copy] { return copy->check_same_needles(*here); };
  KELP_CO_CHECK(co_await offload<void>(parts_.pool, std::move(compare)));
  co_return co_await sync_copy(copy);
}

/// What stays as it is moves from the one log to the other.
Task<Result<void>> VolumeService::copy_kept(VolumePtr here, VolumePtr copy, UsePtr use,
                                            Urgency urgency) {
  NeedleKey after;
  while (true) {
    KELP_CO_CHECK(co_await take_piece(parts_.background, urgency));
    auto read = [here, copy, use, &after] { return here->read_kept(*use, *copy, after); };
    auto images = co_await offload<std::string>(parts_.pool, std::move(read));
    settle_piece(parts_.background, urgency, images.has_value() ? images->size() : 0);
    KELP_CO_CHECK(images);
    if (images->empty()) co_return Result<void>();
    KELP_CO_TRY(const NeedleKey last,
                co_await take_images(copy, std::as_writable_bytes(std::span(*images))));
    reached(copy->superblock().volume, last);
  }
}

/// Each member does it for itself: from the same needles each makes the same extents.
Task<Result<void>> VolumeService::pack_sparse(VolumePtr here, VolumePtr copy, UsePtr use,
                                              StripeSources from, Urgency urgency) {
  const VolumeId volume = here->superblock().volume;
  ExtentBodies bodies(*parts_.peers, parts_.background, volume, here->role().generation, from,
                      urgency);
  NeedleKey after;
  while (true) {
    auto list = [here, use, after] { return here->next_extent(*use, after); };
    KELP_CO_TRY(const std::vector<PackedNeedle> needles,
                co_await offload<std::vector<PackedNeedle>>(parts_.pool, std::move(list)));
    if (needles.empty()) co_return Result<void>();
    after = needles.back().header.key;
    if (is_made(*copy, needles)) continue;
    std::string images;
    for (const PackedNeedle& needle : needles) {
      KELP_CO_TRY(const std::string_view image,
                  co_await bodies.image_of(&needle, use->extents.at(needle.place.extent)));
      images += image;
    }
    auto pack = [&images, &from]() -> Result<std::string> {
      KELP_TRY(PackedExtent made, pack_extent(from.scheme, images));
      return std::move(made.shards[from.shard]) + made.stubs;
    };
    KELP_CO_TRY(std::string shard, co_await offload<std::string>(parts_.pool, std::move(pack)));
    KELP_CO_TRY(const NeedleKey last,
                co_await take_images(copy, std::as_writable_bytes(std::span(shard))));
    reached(volume, last);
  }
}

Task<Result<std::size_t>> VolumeService::drop_dead_extents(VolumeId volume) {
  KELP_CO_TRY(const VolumePtr found, find(volume));
  if (found->role().frozen) co_return std::size_t{0};
  auto look = [found] { return found->extents_use(); };
  KELP_CO_TRY(const ExtentsUse use, co_await offload<ExtentsUse>(parts_.pool, std::move(look)));
  note_looked(volume, {found->superblock().generation, use.summary(volume)});
  std::vector<FileId> dead;
  for (const auto& [key, extent] : use.extents) {
    if (extent.live_bytes == 0) dead.push_back({volume, key, extent.cookie});
  }
  const std::size_t count = dead.size();
  if (count == 0) co_return count;
  KELP_CO_CHECK(co_await found->remove(std::move(dead)));
  logger("volume").info("extents_dropped volume={} extents={}", volume.value, count);
  co_return count;
}

void VolumeService::note_looked(VolumeId volume, Looked looked) {
  const std::unique_lock lock(volumes_mutex_);
  forget_looked(volume);
  shared_->probe.sparse_garbage_bytes.Increment(static_cast<double>(looked.found.garbage_bytes));
  looked_[volume] = looked;
}

/// Under volumes_mutex_.
void VolumeService::forget_looked(VolumeId volume) {
  const auto known = looked_.find(volume);
  if (known == looked_.end()) return;
  shared_->probe.sparse_garbage_bytes.Decrement(
      static_cast<double>(known->second.found.garbage_bytes));
  looked_.erase(known);
}

Task<Result<std::vector<SparseVolume>>> VolumeService::sparse_volumes() {
  KELP_CO_CHECK(check_works());
  std::vector<SparseVolume> out;
  const std::shared_lock lock(volumes_mutex_);
  for (const auto& [volume, looked] : looked_) {
    const auto here = volumes_.find(volume);
    // Another log was not looked at yet.
    if (here == volumes_.end() || here->second->superblock().generation != looked.made) continue;
    if (looked.found.garbage_bytes > 0) out.push_back(looked.found);
  }
  co_return out;
}

}  // namespace kelp
