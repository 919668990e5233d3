// Packed volumes: what VolumeService does so that the needles of a volume of copies come to lie in
// extents (docs/formats/extent.md, docs/adr/0011-sealed-volumes.md).

#include <fmt/core.h>

#include <algorithm>

#include "base/log.h"
#include "volume/copying.h"
#include "volume/store/volume_role.h"
#include "volume/volume_service.h"

namespace kelp {
namespace {

/// The needles of the next extent: about kExtentBytes, at least one. Blocks.
Result<std::string> gather(VolumeFile& copy, NeedleKey after) {
  std::string images;
  while (images.size() < kExtentBytes) {
    KELP_TRY(const std::string batch, copy.read_needles(after, kExtentBytes - images.size()));
    const bool fits = images.empty() || images.size() + batch.size() <= kMaxNeedleBodyBytes;
    if (batch.empty() || !fits) break;
    KELP_TRY(after, last_key_of(batch));
    images += batch;
  }
  return images;
}

Result<void> check_source(const PackSource& from) {
  if (from.scheme || !from.from) {
    KELP_CHECK(check_scheme(from.scheme));
  }
  if (from.from) {
    KELP_CHECK(check_scheme(from.from));
  }
  if (from.shard < std::max(1U, from.scheme.shards())) return {};
  return Error(Errc::kInvalidArgument,
               fmt::format("{} has no shard {}", from.scheme ? to_string(from.scheme) : "a copy",
                           from.shard));
}

}  // namespace

Task<Result<std::string>> VolumeService::read_packed(VolumeId volume, Generation generation,
                                                     PackSource from, NeedleKey after,
                                                     Urgency urgency) {
  // The caller's own deadline is half a minute.
  constexpr std::chrono::seconds kPatience{10};
  KELP_CO_CHECK(check_source(from));
  KELP_CO_TRY(const VolumePtr found, find(volume));
  KELP_CO_CHECK(check_frozen(*found, generation));
  KELP_CO_CHECK(co_await take_piece(parts_.background, urgency, kPatience));
  const auto read = std::make_shared<std::atomic<std::uint64_t>>(0);
  PackCache::Make make = [found, generation, after, scheme = from.scheme,
                          read]() -> Result<PackCache::Extent> {
    KELP_CHECK(check_frozen(*found, generation));  // it may have thawed meanwhile
    KELP_TRY(const std::string images, gather(*found, after));
    *read = images.size();
    if (images.empty()) return PackCache::Extent();
    KELP_TRY(PackedExtent made, pack_extent(scheme, images));
    return std::make_shared<const PackedExtent>(std::move(made));
  };
  const PackCache::Key key{volume, generation, from.scheme.data, from.scheme.parity, after};
  PackCache::Gather gather = [this, found, generation, from, after, urgency, read] {
    return recode_next(found, generation, from, after, urgency, read);
  };
  auto get = from.from ? pack_cache_.get(key, std::move(gather))
                       : pack_cache_.get(parts_.pool, key, std::move(make));
  auto outcome = co_await std::move(get);
  settle_piece(parts_.background, urgency, *read);
  shared_->probe.background_read_bytes.Increment(static_cast<double>(*read));
  KELP_CO_TRY(const PackCache::Extent extent, std::move(outcome));
  if (extent == nullptr) {
    pack_cache_.forget(volume);  // a member that is behind has an extent or two made again
    co_return std::string();
  }
  // The stubs come last: the last key of what is taken says where to go on.
  co_return extent->shards[from.shard] + extent->stubs;
}

Task<Result<VolumeDigest>> VolumeService::pack(VolumeId volume, Generation generation,
                                               std::string collection, PackSource from,
                                               Urgency urgency) {
  auto make = [&] {
    return pack_alone(volume, generation, std::move(collection), std::move(from), urgency);
  };
  co_return co_await one_at_a_time(volume, std::move(make));
}

Task<Result<VolumeDigest>> VolumeService::pack_alone(VolumeId volume, Generation generation,
                                                     std::string collection, PackSource from,
                                                     Urgency urgency) {
  const auto count = [](VolumePtr of) { return [of] { return of->packed_digest(); }; };
  if (const auto adopted = find_adopted(volume, generation); adopted != nullptr) {
    co_return co_await offload<VolumeDigest>(parts_.pool, count(adopted));
  }
  auto begin = [this, volume, generation, &collection, &from] {
    return begin_packing(volume, generation, collection, from.copy.address);
  };
  KELP_CO_TRY(const VolumePtr copy, co_await offload<VolumePtr>(parts_.pool, std::move(begin)));
  const auto source = parts_.peers->at(from.copy.address);
  NeedleKey after = copy->role().frozen ? kLastNeedleKey : go_on_after(*copy, from.copy.address);
  while (!copy->role().frozen) {
    KELP_CO_CHECK(co_await take_piece(parts_.background, urgency));
    auto images = co_await source->read_packed(volume, generation, from, after, urgency);
    settle_piece(parts_.background, urgency, images.has_value() ? images->size() : 0);
    KELP_CO_CHECK(images);
    if (images->empty()) break;
    KELP_CO_TRY(after, co_await take_images(copy, std::as_writable_bytes(std::span(*images))));
    reached(volume, after);
  }
  KELP_CO_CHECK(co_await sync_copy(copy));
  // From here on it is whole, and no later attempt begins anew.
  KELP_CO_CHECK(co_await copy->set_role(generation, {generation, true}));
  keep_packed(volume, copy);
  co_return co_await offload<VolumeDigest>(parts_.pool, count(copy));
}

/// What an earlier attempt left, when it was of the same source or ended well; else an empty one.
Result<VolumeService::VolumePtr> VolumeService::begin_packing(VolumeId volume,
                                                              Generation generation,
                                                              const std::string& collection,
                                                              const std::string& source) {
  KELP_TRY(VolumePtr copy, begin_pull(volume, generation, collection));
  if (copy->role().frozen) return copy;
  const auto last = copy->last_key();
  const bool empty = last.has_value() && !last->has_value();
  if (empty || go_on_after(*copy, source) != NeedleKey{}) return copy;
  // Another source may have packed the same needles otherwise.
  copy.reset();
  KELP_CHECK(drop_files(volume));
  return begin_pull(volume, generation, collection);
}

/// The copy here when pack() made it in this generation; null: it is another one, or none.
VolumeService::VolumePtr VolumeService::find_adopted(VolumeId volume, Generation generation) const {
  const auto here = find(volume);
  if (!here.has_value() || (*here)->superblock().generation != generation) return nullptr;
  return *here;
}

void VolumeService::keep_packed(VolumeId volume, const VolumePtr& copy) {
  const std::unique_lock lock(volumes_mutex_);
  if (!volumes_.contains(volume) || volumes_.at(volume) != copy) packed_[volume] = copy;
  any_packed_ = !packed_.empty();
}

void VolumeService::forget_packed(VolumeId volume) {
  const std::unique_lock lock(volumes_mutex_);
  packed_.erase(volume);
  any_packed_ = !packed_.empty();
}

/// What pack() made, from memory or, after a start, from the disk. Blocks.
Result<VolumeService::VolumePtr> VolumeService::open_packed(VolumeId volume,
                                                            Generation generation) {
  if (auto adopted = find_adopted(volume, generation); adopted != nullptr) return adopted;
  {
    const std::shared_lock lock(volumes_mutex_);
    const auto kept = packed_.find(volume);
    if (kept != packed_.end() && kept->second->role().generation == generation) return kept->second;
  }
  KELP_TRY(const bool made,
           parts_.io.exists(VolumeFile::log_path(pull_dir(options_.directory), volume)));
  if (made) {
    KELP_TRY(VolumePtr copy, VolumeFile::open(pull_shared(), volume, cluster_id_));
    if (copy->role().frozen && copy->role().generation == generation) {
      keep_packed(volume, copy);
      return copy;
    }
  }
  return Error(Errc::kNotFound, fmt::format("volume {} was not packed here in generation {}",
                                            volume.value, generation.value));
}

Task<Result<VolumeDigest>> VolumeService::verify_packed(VolumeId volume, Generation generation,
                                                        Urgency urgency) {
  auto open = [this, volume, generation] { return open_packed(volume, generation); };
  KELP_CO_TRY(const VolumePtr copy, co_await offload<VolumePtr>(parts_.pool, std::move(open)));
  VolumeFile::Pass pass;
  if (parts_.background != nullptr) {
    pass = [budget = parts_.background, share = least_share(urgency)](std::uint64_t bytes) {
      return budget->take(bytes, share);
    };
  }
  KELP_CO_TRY(const auto failed, co_await copy->verify(std::move(pass)));
  if (!failed.empty()) {
    co_return Error(Errc::kCorruption,
                    fmt::format("{} needles of the packed volume {} do not check, the first is "
                                "{:x}",
                                failed.size(), volume.value, failed.front().key.value));
  }
  auto count = [copy] { return copy->packed_digest(); };
  co_return co_await offload<VolumeDigest>(parts_.pool, std::move(count));
}

Task<Result<void>> VolumeService::adopt_packed(VolumeId volume, Generation generation) {
  if (failed_) co_return Error(Errc::kNotFound, failure_->detail());
  auto job = [this, volume, generation]() -> Result<void> {
    KELP_CHECK(open_packed(volume, generation));
    if (find_adopted(volume, generation) == nullptr) {
      keep_replaced(volume);
      KELP_CHECK(adopt(volume, generation));
    }
    forget_packed(volume);  // only now: reads found the needles there all the time
    return {};
  };
  co_return co_await offload<void>(parts_.pool, std::move(job));
}

Task<Result<void>> VolumeService::drop_packed(VolumeId volume, Generation generation) {
  if (failed_) co_return Result<void>();  // packed there again, it is made anew
  KELP_CO_CHECK(begin_copying(volume));
  auto job = [this, volume, generation]() -> Result<void> {
    const auto copy = VolumeFile::open(pull_shared(), volume, cluster_id_);
    const Generation newest = copy.has_value() ? (*copy)->superblock().generation : generation;
    if (newest > generation) return {};
    forget_packed(volume);
    return drop_files(volume);
  };
  const auto dropped = co_await offload<void>(parts_.pool, std::move(job));
  const std::unique_lock lock(volumes_mutex_);
  copying_.erase(volume);
  co_return dropped;
}

/// Takes away what lies in pull_dir() of a volume.
Result<void> VolumeService::drop_files(VolumeId volume) {
  const std::lock_guard creating(create_mutex_);
  KELP_CHECK(check_home());
  const std::string directory = pull_dir(options_.directory);
  KELP_CHECK(remove_if_there(parts_.io, role_path(directory, volume)));
  KELP_CHECK(remove_if_there(parts_.io, VolumeFile::snapshot_path(directory, volume)));
  return remove_if_there(parts_.io, VolumeFile::log_path(directory, volume));
}

/// Whether the volume of which shards are rebuilt is packed: then its needles are stubs.
Task<Result<bool>> VolumeService::is_packed(VolumeId volume, StripeSources from) const {
  for (const VolumeMember& member : from.members) {
    const auto node = parts_.peers->at(member.address);
    KELP_CO_TRY(const auto extents, co_await node->list_needles(volume, kLastNeedleKey, 1));
    if (!extents.empty()) co_return true;
  }
  co_return false;
}

/// All stubs, from the first member that has them sound.
Task<Result<void>> VolumeService::copy_stubs(VolumePtr copy, Generation generation,
                                             StripeSources from, Urgency urgency) {
  Error last(Errc::kUnavailable, "no member has the stubs");
  for (const VolumeMember& member : from.members) {
    const auto copied = co_await copy_stubs_of(member, copy, generation, urgency);
    if (copied.has_value()) co_return copied;
    last = copied.error();
  }
  co_return last;
}

Task<Result<void>> VolumeService::copy_stubs_of(VolumeMember member, VolumePtr copy,
                                                Generation generation, Urgency urgency) {
  const auto node = parts_.peers->at(member.address);
  const VolumeId volume = copy->superblock().volume;
  NeedleKey after;
  while (true) {
    KELP_CO_CHECK(co_await take_piece(parts_.background, urgency));
    const auto batch = co_await node->read_needles(volume, generation, after, urgency);
    KELP_CO_CHECK(batch);
    KELP_CO_TRY(const std::string_view stubs, leading_stubs(*batch, after));
    settle_piece(parts_.background, urgency, stubs.size());
    if (stubs.empty()) co_return Result<void>();
    std::string images(stubs);
    KELP_CO_CHECK(co_await take_images(copy, std::as_writable_bytes(std::span(images))));
    if (stubs.size() < batch->size()) co_return Result<void>();
  }
}

}  // namespace kelp
