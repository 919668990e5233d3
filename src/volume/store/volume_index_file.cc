// What VolumeFile does with its index: loads it, looks things up, writes its snapshot, and makes it
// anew from the log when the snapshot that it lies in is damaged.

#include <fmt/core.h>

#include <algorithm>

#include "base/log.h"
#include "volume/store/index_run.h"
#include "volume/store/log_scan.h"
#include "volume/store/volume_file.h"

namespace kelp {
namespace {

constexpr std::size_t kMinSnapshotChanges = 16 * 1024;
/// Of an index on disk: so many lie in memory, at some 20 bytes.
constexpr std::size_t kMaxRecentChanges = 1 << 20;
constexpr std::size_t kPage = 4096;

}  // namespace

/// The snapshot as far as it goes, then the log behind it.
Result<void> VolumeFile::load_index() {
  KELP_TRY(const std::uint64_t file_bytes, file_->size());
  std::uint64_t covered = load_snapshot(file_bytes);
  auto scan = scan_log(*file_, seed_, covered, file_bytes, index_);
  if (!scan.has_value() && scan.error().code() == Errc::kCorruption) {
    logger("volume").warn("snapshot_unusable volume={} why={}", superblock_.volume.value,
                          log_value(scan.error().detail()));
    index_ = NeedleIndex();
    covered = kSuperblockBytes;
    scan = scan_log(*file_, seed_, covered, file_bytes, index_);
  }
  KELP_CHECK(scan);
  // What the scan saw may be in the page cache only (kill -9); nobody may act on it before it
  // lasts.
  if (scan->end > covered) {
    KELP_CHECK(file_->sync());
  }
  end_ = std::max(scan->end, covered);
  changes_ = scan->needles + scan->tombstones;
  logger("volume").info(
      "volume_opened volume={} needles={} log_bytes={} from_snapshot={} replayed={} unfinished={} "
      "skipped_bytes={}",
      superblock_.volume.value, index_.size(), file_bytes, covered > kSuperblockBytes,
      scan->needles + scan->tombstones, scan->unfinished, scan->skipped_bytes);
  return {};
}

/// Fills the index from the snapshot and returns where the log is to be replayed from. Without a
/// snapshot that fits, that is its beginning: the log alone gives the same index.
std::uint64_t VolumeFile::load_snapshot(std::uint64_t file_bytes) {
  const auto unusable = [&](std::string_view why) {
    logger("volume").warn("snapshot_unusable volume={} why={}", superblock_.volume.value,
                          log_value(why));
    return std::uint64_t{kSuperblockBytes};
  };
  auto run = IndexRun::open(shared_->io, snapshot_path(shared_->directory, superblock_.volume));
  if (!run.has_value()) {
    if (run.error().code() == Errc::kNotFound) return kSuperblockBytes;
    return unusable(run.error().detail());
  }
  const IndexSnapshotHeader header = (*run)->header();
  if (header.volume != superblock_.volume || header.salt != superblock_.salt) {
    return unusable("it is of another volume");
  }
  if (header.covered_bytes < kSuperblockBytes || header.covered_bytes % kNeedleAlignment != 0 ||
      header.log_bytes > file_bytes) {
    return unusable("it covers more than the log has");
  }
  if (const auto loaded = load_needles(*std::move(run)); !loaded.has_value()) {
    return unusable(loaded.error().detail());
  }
  return header.covered_bytes;
}

Result<void> VolumeFile::load_needles(std::shared_ptr<const IndexRun> run) {
  if (shared_->index_on_disk) {
    index_ = NeedleIndex(std::move(run));
    return {};
  }
  VolumeIndex needles;
  KELP_CHECK(run->each([&needles](std::span<const IndexEntry> entries) -> Result<void> {
    needles.append(entries);
    return {};
  }));
  const IndexSnapshotHeader& header = run->header();
  if (needles.size() != header.needles || needles.live_bytes() != header.live_bytes) {
    return Error(Errc::kCorruption, "index snapshot: the counts are others");
  }
  index_ = NeedleIndex(std::move(needles));
  return {};
}

Result<std::optional<NeedlePlace>> VolumeFile::find(NeedleKey key) const {
  std::shared_ptr<const IndexSource> file;
  {
    const std::lock_guard lock(mutex_);
    if (const auto known = index_.find_at_once(key)) return *known;
    file = index_.file();
  }
  auto found = file->find(key);
  if (!found.has_value()) index_is_damaged(found.error());
  return found;
}

std::optional<std::optional<NeedlePlace>> VolumeFile::find_at_once(NeedleKey key) const {
  const std::lock_guard lock(mutex_);
  return index_.find_at_once(key);
}

Result<std::vector<IndexEntry>> VolumeFile::list(std::optional<NeedleKey> after,
                                                 std::size_t limit) const {
  const std::lock_guard lock(mutex_);
  return look_through(after, limit);
}

Result<std::optional<NeedlePlace>> VolumeFile::look_up(NeedleKey key) const {
  auto found = index_.find(key);
  if (!found.has_value()) index_is_damaged(found.error());
  return found;
}

Result<std::vector<IndexEntry>> VolumeFile::look_through(std::optional<NeedleKey> after,
                                                         std::size_t limit) const {
  auto listed = index_.list(after, limit);
  if (!listed.has_value()) index_is_damaged(listed.error());
  return listed;
}

/// A needle of which nobody can say is taken to be there.
bool VolumeFile::still_at(const IndexEntry& entry) const {
  const auto there = find(entry.key);
  return !there.has_value() || *there == entry.place;
}

void VolumeFile::index_is_damaged(const Error& error) const {
  if (index_damaged_.exchange(true)) return;
  shared_->probe.corruptions.Increment();
  logger("volume").error("index_damaged volume={} error={}", superblock_.volume.value,
                         log_value(error.message()));
}

/// Notes changes of the index; every so often a snapshot keeps the next start short. Its cost is
/// spread over at least an eighth of the index, or over as much as may be in memory.
void VolumeFile::count_changes(std::size_t changes) {
  {
    const std::lock_guard lock(mutex_);
    changes_ += changes;
    std::size_t enough = kMinSnapshotChanges + index_.size() / 8;
    if (shared_->index_on_disk) enough = std::min(enough, kMaxRecentChanges);
    if (snapshotting_ || changes_ < enough) return;
    snapshotting_ = true;
  }
  const bool posted = shared_->pool.try_post([self = shared_from_this()] {
    if (auto written = self->write_snapshot(); !written.has_value()) {
      logger("volume").warn("snapshot_failed volume={} error={}", self->superblock_.volume.value,
                            log_value(written.error().message()));
    }
    const std::lock_guard lock(self->mutex_);
    self->snapshotting_ = false;
  });
  if (posted) return;
  const std::lock_guard lock(mutex_);
  snapshotting_ = false;
}

/// The listing below is not one moment's: writers go on between its pages. That is right all the
/// same: whatever happens after `covered` was taken lies behind it in the log, and is replayed.
Result<void> VolumeFile::write_snapshot() {
  const std::lock_guard one_at_a_time(snapshot_mutex_);
  IndexSnapshotHeader header{
      .volume = superblock_.volume, .generation = superblock_.generation, .salt = superblock_.salt};
  std::size_t changes = 0;
  {
    const std::lock_guard lock(mutex_);
    const bool is_sound = changes_ == 0 && !index_damaged_;
    if (is_sound || successor_ != nullptr) return {};  // the snapshot is of the new log
    changes = changes_;
    header.covered_bytes = open_places_.empty() ? end_ : *open_places_.begin();
    if (shared_->index_on_disk) changed_since_snapshot_.emplace();
  }
  auto written = write_snapshot_file(header);
  if (!written.has_value() && written.error().code() == Errc::kCorruption) {
    written = rebuild_index();
    if (written.has_value()) written = write_snapshot_file(header);
  }
  if (written.has_value() && shared_->index_on_disk) written = index_snapshot_file();
  const std::lock_guard lock(mutex_);
  changed_since_snapshot_.reset();
  if (written.has_value()) changes_ -= changes;
  return written;
}

Result<void> VolumeFile::write_snapshot_file(const IndexSnapshotHeader& header) {
  auto fill = [this](IndexSnapshotWriter& writer) -> Result<void> {
    std::optional<NeedleKey> after;
    while (true) {
      KELP_TRY(const auto page, list(after, kPage));
      for (const IndexEntry& entry : page) {
        KELP_CHECK(writer.add(entry));
      }
      if (page.size() < kPage) break;
      after = page.back().key;
    }
    if (shared_->sync) return {};
    // The snapshot must not say more than the log can show after a power cut.
    KELP_CHECK(check_writable());
    auto synced = file_->sync();
    if (!synced.has_value()) group_commit_->fail(synced.error());
    return synced;
  };
  return write_index_snapshot(shared_->io, snapshot_path(shared_->directory, superblock_.volume),
                              header, fill);
}

/// From now on the needles of the snapshot just written are looked up in it.
Result<void> VolumeFile::index_snapshot_file() {
  KELP_TRY(auto run,
           IndexRun::open(shared_->io, snapshot_path(shared_->directory, superblock_.volume)));
  const std::lock_guard lock(mutex_);
  KELP_TRY(NeedleIndex over, index_.over(std::move(run), *changed_since_snapshot_));
  index_ = std::move(over);
  index_damaged_ = false;
  return {};
}

void VolumeFile::keep_sound_rows(NeedleIndex& made) const {
  std::shared_ptr<const IndexSource> file;
  {
    const std::lock_guard lock(mutex_);
    file = index_.file();
  }
  if (file == nullptr) return;
  file->each_sound([&](std::span<const IndexEntry> entries) {
    for (const IndexEntry& entry : entries) {
      const auto scanned = made.find_at_once(entry.key).value_or(std::nullopt);
      const bool changed = find_at_once(entry.key).has_value();
      if (!scanned.has_value() && !changed) made.add(entry.key, entry.place);
    }
  });
}

/// From the log, and what came and went meanwhile; in memory. A needle whose header in the log is
/// damaged stays known as long as its row is sound, so that it is told from one that never was.
Result<void> VolumeFile::rebuild_index() {
  std::uint64_t end = 0;
  {
    const std::lock_guard lock(mutex_);
    end = end_;
  }
  KELP_TRY(const std::uint64_t file_bytes, file_->size());
  end = std::min(end, file_bytes);  // a place may be given out and not written yet
  NeedleIndex made;
  KELP_CHECK(scan_log(*file_, seed_, kSuperblockBytes, end, made));
  keep_sound_rows(made);
  const std::lock_guard lock(mutex_);
  for (const NeedleKey key : *changed_since_snapshot_) {
    // What came or went lately is in memory; a key that is not came and went.
    const auto now = index_.find_at_once(key).value_or(std::nullopt);
    KELP_CHECK(made.erase(key));
    if (now.has_value()) made.add(key, *now);
  }
  logger("volume").info("index_made_anew volume={} needles={}", superblock_.volume.value,
                        made.size());
  index_ = std::move(made);
  return {};
}

}  // namespace kelp
