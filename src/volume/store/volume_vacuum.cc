#include "volume/store/volume_vacuum.h"

#include <fmt/core.h>

#include <algorithm>

#include "crypto/random.h"

namespace kelp {
namespace {

constexpr std::size_t kListed = 1024;                 ///< Index entries taken at a time.
constexpr std::uint64_t kBatchBytes = 4ULL << 20;     ///< About what is copied in one job.
constexpr std::uint64_t kSyncBytes = 32ULL << 20;     ///< So that no sync is a long one.
constexpr std::size_t kFewKeys = 64;                  ///< What may be left for the last step.
constexpr std::chrono::milliseconds kFirstPause{10};  ///< Between looks for a quiet moment.
constexpr std::chrono::milliseconds kLongestPause{1000};
constexpr std::chrono::minutes kPatience{10};
constexpr std::uint32_t kReplacementSeed = 0;  ///< As in VolumeReplicas::read_needles.

/// The entries of `entries` from `at` on that make up about kBatchBytes; at least one.
std::size_t end_of_batch(std::span<const IndexEntry> entries, std::size_t at) {
  std::uint64_t bytes = 0;
  do {
    bytes += entries[at++].place.bytes;
  } while (at < entries.size() && bytes + entries[at].place.bytes <= kBatchBytes);
  return at;
}

}  // namespace

VolumeVacuum::VolumeVacuum(std::shared_ptr<VolumeFile> source, VacuumSeams seams,
                           Replacements replacements)
    : source_(std::move(source)),
      seams_(std::move(seams)),
      replacements_(std::move(replacements)),
      path_(VolumeFile::log_path(seams_.folder, source_->superblock().volume)),
      stream_(source_->stream()) {}

Task<Result<void>> VolumeVacuum::copy() {
  auto make = [this] { return begin(); };
  KELP_CO_CHECK(co_await offload<void>(source_->shared().pool, std::move(make)));
  std::optional<NeedleKey> after;
  while (true) {
    auto list = [this, after] { return source_->list(after, kListed); };
    KELP_CO_TRY(std::vector<IndexEntry> entries,
                co_await offload<std::vector<IndexEntry>>(source_->shared().pool, std::move(list)));
    if (entries.empty()) co_return Result<void>();
    after = entries.back().key;
    KELP_CO_CHECK(co_await copy_entries(std::move(entries)));
  }
}

/// An empty log, and from here on everything that changes in the old one is noted.
Result<void> VolumeVacuum::begin() {
  Superblock superblock = source_->superblock();
  random_bytes(superblock.salt);
  KELP_TRY(copy_, VolumeFile::create_at(path_, source_->shared_, superblock));
  const std::lock_guard lock(source_->mutex_);
  source_->changed_keys_.emplace();
  return {};
}

Task<Result<void>> VolumeVacuum::copy_entries(std::vector<IndexEntry> entries) {
  for (std::size_t at = 0; at < entries.size();) {
    const std::size_t end = end_of_batch(entries, at);
    const auto batch = std::span<const IndexEntry>(entries).subspan(at, end - at);
    std::uint64_t bytes = 0;
    for (const IndexEntry& entry : batch) bytes += entry.place.bytes;
    if (!hurry_) {
      KELP_CO_CHECK(co_await seams_.budget.take(bytes));
    }
    auto job = [this, batch] { return copy_some(batch); };
    KELP_CO_CHECK(co_await offload<void>(source_->shared().pool, std::move(job)));
    at = end;
  }
  co_return Result<void>();
}

Result<void> VolumeVacuum::copy_some(std::span<const IndexEntry> entries) {
  Batch batch;
  for (const IndexEntry& entry : entries) {
    const std::size_t size_before = batch.images.size();
    KELP_TRY(const bool there, append_image(entry, batch));
    if (!there) batch.images.resize(size_before);  // it was removed meanwhile
  }
  return write_batch(batch);
}

/// False when the needle is not in the old log any more.
Result<bool> VolumeVacuum::append_image(const IndexEntry& entry, Batch& batch) {
  if (!source_->still_at(entry)) return false;
  const NeedlePlace place{.offset = copy_->end_ + batch.images.size(), .bytes = entry.place.bytes};
  batch.images.resize(batch.images.size() + entry.place.bytes);
  const MutableByteSpan image =
      std::as_writable_bytes(std::span(batch.images)).last(entry.place.bytes);
  std::uint32_t seed = 0;
  KELP_CHECK(read_image(entry, stream_, image, seed));
  auto needle = decode_needle(image, seed);
  if (!needle.has_value() && stream_.is_direct()) {
    LogStream log(source_->file_, nullptr);
    KELP_CHECK(read_image(entry, log, image, seed));
    needle = decode_needle(image, seed);
  }
  if (needle.has_value() && needle->header.key == entry.key &&
      layout_of(needle->header).total_bytes == entry.place.bytes) {
    reseal_needle(needle->header, image, copy_->seed_at(place.offset));
    batch.placed.push_back({entry.key, place});
    return true;
  }
  if (!source_->still_at(entry)) return false;  // so it has a hole
  return source_->does_not_check(entry);
}

/// `seed` is the one that the image was made with.
Result<void> VolumeVacuum::read_image(const IndexEntry& entry, LogStream& log,
                                      MutableByteSpan image, std::uint32_t& seed) {
  if (const auto other = replacements_.find(entry.key); other != replacements_.end()) {
    if (other->second.size() != image.size()) {
      return Error(Errc::kCorruption,
                   fmt::format("needle {:x}: the one to take instead has {} "
                               "bytes, not {}",
                               entry.key.value, other->second.size(), image.size()));
    }
    std::ranges::copy(as_bytes(other->second), image.begin());
    seed = kReplacementSeed;
    return {};
  }
  KELP_TRY(const std::size_t got, log.read_at(entry.place.offset, image));
  std::ranges::fill(image.subspan(got), std::byte{0});
  seed = source_->seed_at(entry.place.offset);
  return {};
}

Result<void> VolumeVacuum::write_batch(const Batch& batch) {
  if (batch.placed.empty()) return {};
  KELP_CHECK(seams_.check_room(batch.images.size()));
  const ByteSpan piece = as_bytes(batch.images);
  KELP_CHECK(copy_->write(copy_->end_, std::span(&piece, 1)));
  copy_->leave_memory();
  copied_bytes_ += piece.size();
  unsynced_bytes_ += piece.size();
  {
    const std::lock_guard lock(copy_->mutex_);
    for (const IndexEntry& entry : batch.placed) copy_->index_.add(entry.key, entry.place);
    copy_->end_ += piece.size();
    copy_->changes_ += batch.placed.size();
  }
  if (unsynced_bytes_ < kSyncBytes) return {};
  unsynced_bytes_ = 0;
  return copy_->sync();
}

/// Does to the new log what was done to the old one since the last time; how many needles came and
/// went.
Task<Result<std::size_t>> VolumeVacuum::catch_up() {
  std::vector<NeedleKey> keys;
  std::vector<IndexEntry> came;
  std::vector<NeedleKey> gone;
  {
    const std::lock_guard lock(source_->mutex_);
    keys.swap(*source_->changed_keys_);
    for (const NeedleKey key : keys) {
      KELP_CO_TRY(const auto place, source_->look_up(key));
      KELP_CO_TRY(const auto copied_to, copy_->find(key));
      const bool copied = copied_to.has_value();
      if (place.has_value() && !copied) came.push_back({key, *place});
      if (!place.has_value() && copied) gone.push_back(key);
    }
  }
  KELP_CO_CHECK(co_await copy_entries(std::move(came)));
  auto job = [this, &gone] { return bury(gone); };
  KELP_CO_CHECK(co_await offload<void>(source_->shared().pool, std::move(job)));
  co_return keys.size();
}

/// A needle that was removed after it was copied needs a tombstone: its image is in the new log.
Result<void> VolumeVacuum::bury(const std::vector<NeedleKey>& keys) {
  if (keys.empty()) return {};
  std::vector<VolumeFile::Doomed> doomed;
  for (const NeedleKey key : keys) {
    KELP_TRY(const auto place, copy_->find(key));
    if (place.has_value()) doomed.push_back({{key, *place}, std::nullopt});
  }
  const std::string tombstones = copy_->encode_tombstones(doomed, copy_->end_);
  const ByteSpan piece = as_bytes(tombstones);
  KELP_CHECK(copy_->write(copy_->end_, std::span(&piece, 1)));
  const std::lock_guard lock(copy_->mutex_);
  copy_->end_ += piece.size();
  copy_->changes_ += doomed.size();
  for (const VolumeFile::Doomed& each : doomed) copy_->index_.erase_known(each.entry);
  return {};
}

Task<Result<void>> VolumeVacuum::close_source() {
  const MonoTime give_up = source_->shared().clock.mono() + kPatience;
  std::chrono::milliseconds pause = kFirstPause;
  while (true) {
    KELP_CO_TRY(const std::size_t changed, co_await catch_up());
    const MonoTime now = source_->shared().clock.mono();
    if (now >= give_up) {
      co_return Error(Errc::kUnavailable, fmt::format("volume {} is never without an upload",
                                                      source_->superblock().volume.value));
    }
    if (changed > kFewKeys) continue;
    hurry_ = try_close();
    if (hurry_) break;
    KELP_CO_CHECK(co_await seams_.timers.sleep_until(now + pause));
    pause = std::min(2 * pause, kLongestPause);
  }
  // Those that were let finish need one sync more; nothing else has a place.
  co_await source_->await_finishing();
  KELP_CO_CHECK(co_await catch_up());
  auto seal = [this] { return seal_copy(); };
  co_return co_await offload<void>(source_->shared().pool, std::move(seal));
}

/// False while an upload is under way that may take long.
bool VolumeVacuum::try_close() {
  const std::lock_guard lock(source_->mutex_);
  if (source_->open_places_.size() != source_->finishing_.size()) return false;
  source_->closed_ = true;
  return true;
}

/// After a failed write or sync nothing is known of what the old log holds, so it stays.
Result<void> VolumeVacuum::seal_copy() {
  KELP_CHECK(source_->check_writable());
  KELP_CHECK(copy_->sync());
  copy_->leave_memory();
  return {};
}

Result<void> VolumeVacuum::switch_over(
    const std::function<void(std::shared_ptr<VolumeFile>)>& publish) {
  {
    // From here on the old log writes neither a snapshot nor a role.
    const std::scoped_lock files(source_->snapshot_mutex_, source_->role_mutex_);
    KELP_CHECK(rename_copy());
    const std::scoped_lock both(source_->mutex_, copy_->mutex_);
    copy_->role_ = source_->role_;
    source_->successor_ = copy_;
  }
  switched_ = true;
  publish(copy_);  // before anybody can write to it: who wrote finds what he wrote
  open_gate();
  return {};
}

/// A full disk changes nothing; after any other error only a start can tell which log has the name.
Result<void> VolumeVacuum::rename_copy() {
  VolumeShared& shared = source_->shared();
  const std::string path = VolumeFile::log_path(shared.directory, source_->superblock().volume);
  auto renamed = shared.io.rename(path_, path);
  if (!renamed.has_value() && renamed.error().code() == Errc::kNoSpace) return renamed;
  if (renamed.has_value()) renamed = shared.io.sync_dir(shared.directory);
  if (renamed.has_value()) renamed = shared.io.sync_dir(seams_.folder);
  if (!renamed.has_value()) source_->group_commit_->fail(renamed.error());
  return renamed;
}

/// Whoever waits for a place goes on: in the new log when there is a successor.
void VolumeVacuum::open_gate() {
  std::vector<std::function<void(bool)>> waiters;
  {
    const std::lock_guard lock(source_->mutex_);
    source_->closed_ = false;
    source_->changed_keys_.reset();
    waiters.swap(source_->move_waiters_);
  }
  for (const auto& done : waiters) done(true);
}

Task<void> VolumeVacuum::end() {
  if (switched_) co_return;
  open_gate();
  auto remove = [this]() -> Result<void> {
    remove_copy();
    return {};
  };
  (void)co_await offload<void>(source_->shared().pool,
                               std::move(remove));  // else the next one does
}

void VolumeVacuum::remove_copy() {
  if (copy_ == nullptr) return;
  if (!copy_->check_writable().has_value()) {
    source_->shared().probe.read_only_volumes.Decrement();
  }
  copy_.reset();
  (void)source_->shared().io.remove(path_);
}

}  // namespace kelp
