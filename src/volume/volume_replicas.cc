// Copies of volumes: what VolumeService does for the master's jobs (client/volume_replicas.h).

#include <fmt/core.h>

#include "async/background_budget.h"
#include "base/log.h"
#include "crypto/random.h"
#include "volume/copying.h"
#include "volume/store/volume_file.h"
#include "volume/store/volume_role.h"
#include "volume/volume_service.h"

namespace kelp {
namespace {

/// Where a copy of an older generation waits until the new one has taken over.
std::string aside_path(const std::string& directory, VolumeId volume) {
  return VolumeFile::log_path(directory, volume) + ".old";
}

}  // namespace

Task<Result<void>> VolumeService::set_role(VolumeId volume, Generation oldest, CopyRole role) {
  if (failed_) co_return Error(Errc::kNotFound, failure_->detail());
  KELP_CO_TRY(const VolumePtr found, find(volume));
  KELP_CO_CHECK(co_await found->set_role(oldest, role));
  if (role.frozen) co_return Result<void>();
  pack_cache_.forget(volume);
  {
    const std::unique_lock lock(volumes_mutex_);
    replaced_.erase(volume);
  }
  auto clean = [this, volume] {
    return remove_if_there(parts_.io, aside_path(options_.directory, volume));
  };
  co_return co_await offload<void>(parts_.pool, std::move(clean));
}

Task<Result<VolumeDigest>> VolumeService::digest(VolumeId volume, bool verify) {
  KELP_CO_TRY(const VolumePtr found, find(volume));
  if (verify) {
    KELP_CO_TRY(const auto failed, co_await found->verify());
    if (!failed.empty()) {
      co_return Error(Errc::kCorruption,
                      fmt::format("{} needles of volume {} do not check, the first is {:x}",
                                  failed.size(), volume.value, failed.front().key.value));
    }
  }
  auto job = [found]() -> Result<VolumeDigest> { return found->digest(); };
  co_return co_await offload<VolumeDigest>(parts_.pool, std::move(job));
}

Task<Result<std::string>> VolumeService::read_needles(VolumeId volume, Generation generation,
                                                      NeedleKey after, Urgency urgency) {
  // The caller's own deadline is half a minute.
  constexpr std::chrono::seconds kPatience{10};
  KELP_CO_TRY(const VolumePtr found, find(volume));
  KELP_CO_CHECK(check_frozen(*found, generation));
  KELP_CO_CHECK(co_await take_piece(parts_.background, urgency, kPatience));
  auto job = [found, generation, after]() -> Result<std::string> {
    KELP_CHECK(check_frozen(*found, generation));  // it may have thawed meanwhile
    return found->read_needles(after);
  };
  auto batch = co_await offload<std::string>(parts_.pool, std::move(job));
  const std::size_t bytes = batch.has_value() ? batch->size() : 0;
  settle_piece(parts_.background, urgency, bytes);
  shared_->probe.background_read_bytes.Increment(static_cast<double>(bytes));
  co_return batch;
}

Task<Result<std::string>> VolumeService::read_needle(VolumeId volume, Generation generation,
                                                     NeedleKey key) {
  KELP_CO_TRY(const VolumePtr found, find_in(volume, generation));
  auto job = [found, key] { return found->read_needle(key); };
  co_return co_await offload<std::string>(parts_.pool, std::move(job));
}

Task<Result<NeedlePart>> VolumeService::read_part(VolumeId volume, Generation generation,
                                                  NeedleKey key, std::uint64_t offset,
                                                  std::size_t bytes) {
  KELP_CO_TRY(const VolumePtr found, find_in(volume, generation));
  // As a client's read: what is in the page cache costs no other thread.
  KELP_CO_TRY(auto part, found->read_part(key, offset, bytes, ReadMode::kCachedOnly));
  if (!part) {
    auto job = [found, key, offset, bytes] {
      return found->read_part(key, offset, bytes, ReadMode::kMayWait);
    };
    KELP_CO_TRY(part, co_await offload<std::optional<NeedlePart>>(parts_.pool, std::move(job)));
  }
  shared_->probe.background_read_bytes.Increment(static_cast<double>(part->body.size()));
  co_return *std::move(part);
}

Result<VolumeService::VolumePtr> VolumeService::find_in(VolumeId volume,
                                                        Generation generation) const {
  KELP_TRY(VolumePtr found, find(volume));
  if (const Generation here = found->role().generation; here != generation) {
    return Error(Errc::kConflict, fmt::format("volume {} is of generation {}, not {}", volume.value,
                                              here.value, generation.value));
  }
  return found;
}

Task<Result<VolumeDigest>> VolumeService::pull(VolumeId volume, Generation generation,
                                               std::string collection, VolumeMember source,
                                               Urgency urgency) {
  Fill fill = [this, generation, source, urgency](VolumePtr copy) {
    return pull_needles(std::move(copy), generation, source, urgency);
  };
  return make_copy(volume, generation, std::move(collection), urgency, std::move(fill));
}

Task<Result<VolumeDigest>> VolumeService::make_copy(VolumeId volume, Generation generation,
                                                    std::string collection, Urgency urgency,
                                                    Fill fill) {
  auto make = [&] {
    return make_alone(volume, generation, std::move(collection), urgency, std::move(fill));
  };
  co_return co_await one_at_a_time(volume, std::move(make));
}

Task<Result<VolumeDigest>> VolumeService::one_at_a_time(VolumeId volume, Making make) {
  if (parts_.peers == nullptr) {
    co_return Error(Errc::kUnimplemented, "this server has no peers to copy from");
  }
  KELP_CO_CHECK(check_works());
  KELP_CO_CHECK(begin_copying(volume));
  auto made = co_await make();
  const std::unique_lock lock(volumes_mutex_);
  copying_.erase(volume);
  if (made.has_value()) {
    pulled_.erase(volume);
    begun_.erase(volume);
  }
  co_return made;
}

/// A second one would write to the same log, and set aside what the first one took in.
Result<void> VolumeService::begin_copying(VolumeId volume) {
  const std::unique_lock lock(volumes_mutex_);
  if (copying_.insert(volume).second) return {};
  return Error(Errc::kUnavailable,
               fmt::format("volume {} is being copied here already", volume.value));
}

Task<Result<VolumeDigest>> VolumeService::make_alone(VolumeId volume, Generation generation,
                                                     std::string collection, Urgency urgency,
                                                     Fill fill) {
  if (auto here = find(volume); here.has_value()) {
    const CopyRole role = (*here)->role();
    if (role.generation == generation && role.frozen) {  // an earlier attempt ended well
      co_return co_await digest(volume, true);
    }
    if (role.generation >= generation) {
      co_return Error(Errc::kConflict, fmt::format("volume {} is here in generation {}",
                                                   volume.value, role.generation.value));
    }
  }
  auto begin = [this, volume, generation, &collection] {
    return begin_pull(volume, generation, collection);
  };
  KELP_CO_TRY(const VolumePtr copy, co_await offload<VolumePtr>(parts_.pool, std::move(begin)));
  KELP_CO_CHECK(co_await fill(copy));
  KELP_CO_CHECK(co_await sync_copy(copy));
  VolumeFile::Pass pass;
  if (parts_.background != nullptr) {
    pass = [budget = parts_.background, share = least_share(urgency)](std::uint64_t bytes) {
      return budget->take(bytes, share);
    };
  }
  KELP_CO_TRY(const auto failed, co_await copy->verify(std::move(pass)));
  if (!failed.empty()) {
    co_return Error(Errc::kCorruption,
                    fmt::format("the new copy of volume {} does not check", volume.value));
  }
  copy->leave_memory();
  auto adopt_copy = [this, volume, generation] { return adopt(volume, generation); };
  KELP_CO_CHECK(co_await offload<void>(parts_.pool, std::move(adopt_copy)));
  co_return co_await digest(volume, false);
}

Task<Result<void>> VolumeService::pull_needles(VolumePtr copy, Generation generation,
                                               VolumeMember source, Urgency urgency) {
  const auto from = parts_.peers->at(source.address);
  const VolumeId volume = copy->superblock().volume;
  NeedleKey after = go_on_after(*copy, source.address);
  while (true) {
    KELP_CO_CHECK(co_await take_piece(parts_.background, urgency));
    auto batch = co_await from->read_needles(volume, generation, after, urgency);
    settle_piece(parts_.background, urgency, batch.has_value() ? batch->size() : 0);
    KELP_CO_CHECK(batch);
    if (batch->empty()) break;
    KELP_CO_TRY(after, co_await take_images(copy, std::as_writable_bytes(std::span(*batch))));
    reached(volume, after);
  }
  co_return Result<void>();
}

/// An unfinished copy of another source may lack what this one has in front of its last key.
NeedleKey VolumeService::go_on_after(const VolumeFile& copy, const std::string& source) {
  const Generation generation = copy.superblock().generation;
  // What cannot be read is taken again from the first key on.
  const NeedleKey last = copy.last_key().value_or(std::nullopt).value_or(NeedleKey{});
  const std::unique_lock lock(volumes_mutex_);
  Pulled& pulled = pulled_[copy.superblock().volume];
  if (pulled.source != source || pulled.generation != generation) {
    pulled = {.source = source, .generation = generation, .after = {}};
  }
  return std::min(pulled.after, last);
}

void VolumeService::reached(VolumeId volume, NeedleKey after) {
  const std::unique_lock lock(volumes_mutex_);
  pulled_[volume].after = after;
}

/// The last key of `images`, which the caller keeps meanwhile.
Task<Result<NeedleKey>> VolumeService::take_images(VolumePtr copy, MutableByteSpan images) {
  KELP_CO_CHECK(check_space(images.size()));
  auto take = [copy, images] { return copy->take_needles(images); };
  KELP_CO_TRY(const NeedleKey last, co_await offload<NeedleKey>(parts_.pool, std::move(take)));
  shared_->probe.background_written_bytes.Increment(static_cast<double>(images.size()));
  co_return last;
}

std::shared_ptr<VolumeShared> VolumeService::pull_shared() const {
  return std::shared_ptr<VolumeShared>(
      new VolumeShared{.io = parts_.io,
                       .pool = parts_.pool,
                       .clock = parts_.clock,
                       .probe = VolumeProbe(parts_.metrics, options_.metrics_directory),
                       .directory = pull_dir(options_.directory),
                       .sync = options_.sync,
                       .limit_bytes = UINT64_MAX,
                       .direct_io = options_.direct_io});
}

/// Whether what an earlier attempt left is on the disk once a sync succeeds. After one that failed
/// the page cache shows bytes that no later sync writes or complains about; and nobody knows how
/// the syncs of another process ended, unless it gave the copy its role.
bool VolumeService::may_go_on(const VolumeFile& copy) const {
  const std::shared_lock lock(volumes_mutex_);
  return copy.role().frozen || begun_.contains(copy.superblock().volume);
}

Task<Result<void>> VolumeService::sync_copy(VolumePtr copy) {
  auto sync = [copy] { return copy->sync(); };
  auto synced = co_await offload<void>(parts_.pool, std::move(sync));
  if (!synced.has_value()) {
    const std::unique_lock lock(volumes_mutex_);
    begun_.erase(copy->superblock().volume);
  }
  co_return synced;
}

/// The unfinished copy of an earlier attempt in this generation, or an empty one.
Result<VolumeService::VolumePtr> VolumeService::begin_pull(VolumeId volume, Generation generation,
                                                           const std::string& collection) {
  const std::lock_guard creating(create_mutex_);
  KELP_CHECK(check_home());
  const std::string directory = pull_dir(options_.directory);
  KELP_CHECK(parts_.io.make_dirs(directory));
  std::shared_ptr<VolumeShared> shared = pull_shared();
  auto begun = VolumeFile::open(shared, volume, cluster_id_);
  const bool same = begun.has_value() && (*begun)->superblock().generation == generation;
  if (same && may_go_on(**begun)) return begun;
  {
    const std::unique_lock lock(volumes_mutex_);
    begun_.insert(volume);
  }
  KELP_CHECK(remove_if_there(parts_.io, role_path(directory, volume)));
  KELP_CHECK(remove_if_there(parts_.io, VolumeFile::snapshot_path(directory, volume)));
  KELP_CHECK(remove_if_there(parts_.io, VolumeFile::log_path(directory, volume)));
  Superblock superblock{.volume = volume,
                        .generation = generation,
                        .cluster_id = cluster_id_,
                        .salt = {},
                        .created_ns = parts_.clock.wall().time_since_epoch().count(),
                        .collection = collection};
  random_bytes(superblock.salt);
  return VolumeFile::create(std::move(shared), superblock);
}

/// Takes a finished copy in: whatever was here goes aside first, then the role is there before the
/// log is, so that a crash between leaves no log that could be taken for something it is not.
Result<void> VolumeService::adopt(VolumeId volume, Generation generation) {
  const std::lock_guard creating(create_mutex_);
  KELP_CHECK(check_home());
  const std::string& directory = options_.directory;
  const std::string path = VolumeFile::log_path(directory, volume);
  const std::string pulled = pull_dir(directory);
  KELP_TRY(const bool made, parts_.io.exists(VolumeFile::log_path(pulled, volume)));
  if (!made) {
    return Error(Errc::kNotFound, fmt::format("the new copy of volume {} is gone", volume.value));
  }
  forget(volume);
  KELP_TRY(const bool had_one, parts_.io.exists(path));
  if (had_one) {
    KELP_CHECK(parts_.io.rename(path, aside_path(directory, volume)));
  }
  KELP_CHECK(remove_if_there(parts_.io, VolumeFile::snapshot_path(directory, volume)));
  KELP_CHECK(parts_.io.sync_dir(directory));
  KELP_CHECK(write_file_atomically(parts_.io, role_path(directory, volume),
                                   encode_volume_role(volume, {generation, true})));
  KELP_CHECK(parts_.io.rename(VolumeFile::log_path(pulled, volume), path));
  KELP_CHECK(parts_.io.sync_dir(directory));
  KELP_CHECK(parts_.io.sync_dir(pulled));
  KELP_CHECK(remove_if_there(parts_.io, VolumeFile::snapshot_path(pulled, volume)));
  KELP_CHECK(remove_if_there(parts_.io, role_path(pulled, volume)));
  logger("volume").info("copy_adopted volume={} generation={}", volume.value, generation.value);
  return load_volume(volume);
}

Task<Result<void>> VolumeService::retire(VolumeId volume, Generation generation) {
  if (failed_) co_return Result<void>();  // opened again, it is a copy that no decision names
  const auto here = find(volume);
  if (!here.has_value() && here.error().code() == Errc::kNotFound) co_return Result<void>();
  auto job = [this, volume, generation] { return remove_files(volume, generation); };
  co_return co_await offload<void>(parts_.pool, std::move(job));
}

/// The role goes before the log: a crash between leaves a log that looks older than it is.
Result<void> VolumeService::remove_files(VolumeId volume, Generation generation) {
  const std::lock_guard creating(create_mutex_);
  KELP_CHECK(check_home());
  if (const auto here = find(volume); here.has_value()) {
    const Generation newest = (*here)->role().generation;
    if (newest > generation) {
      return Error(Errc::kConflict, fmt::format("volume {} is of generation {} here, newer than {}",
                                                volume.value, newest.value, generation.value));
    }
  }
  const std::string& directory = options_.directory;
  forget(volume);
  {
    const std::unique_lock lock(volumes_mutex_);
    replaced_.erase(volume);
  }
  KELP_CHECK(remove_if_there(parts_.io, VolumeFile::snapshot_path(directory, volume)));
  KELP_CHECK(remove_if_there(parts_.io, role_path(directory, volume)));
  KELP_CHECK(remove_if_there(parts_.io, aside_path(directory, volume)));
  KELP_CHECK(remove_if_there(parts_.io, VolumeFile::log_path(directory, volume)));
  logger("volume").info("copy_retired volume={}", volume.value);
  return parts_.io.sync_dir(directory);
}

/// Readers that have it keep it until they are done.
void VolumeService::forget(VolumeId volume) {
  const std::unique_lock lock(volumes_mutex_);
  forget_looked(volume);
  const auto gone = volumes_.find(volume);
  const bool refused = refused_.erase(volume) > 0;
  if (refused) shared_->probe.refused_volumes.Decrement();
  if (refused || (gone != volumes_.end() && gone->second->status().read_only)) {
    shared_->probe.read_only_volumes.Decrement();
  }
  if (gone != volumes_.end()) volumes_.erase(gone);
}

}  // namespace kelp
