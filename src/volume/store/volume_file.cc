#include "volume/store/volume_file.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>

#include "async/completion.h"
#include "base/log.h"
#include "volume/store/volume_role.h"

namespace kelp {
namespace {

constexpr std::uint64_t kMaxLogBytes = 1ULL << 43;  ///< What the index can address.

}  // namespace

std::string VolumeFile::log_path(const std::string& directory, VolumeId volume) {
  return fmt::format("{}/{:09}.dat", directory, volume.value);
}

std::optional<VolumeId> VolumeFile::volume_of(std::string_view path) {
  constexpr std::string_view kSuffix = ".dat";
  std::string_view name = path.substr(path.rfind('/') + 1);
  if (!name.ends_with(kSuffix)) return std::nullopt;
  name.remove_suffix(kSuffix.size());
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error != std::errc{} || end != name.data() + name.size()) return std::nullopt;
  // "0000000001.dat" is no second volume 1.
  if (name != fmt::format("{:09}", number)) return std::nullopt;
  return VolumeId{number};
}

std::string VolumeFile::snapshot_path(const std::string& directory, VolumeId volume) {
  return fmt::format("{}/{:09}.idx", directory, volume.value);
}

Result<std::shared_ptr<VolumeFile>> VolumeFile::create(std::shared_ptr<VolumeShared> shared,
                                                       const Superblock& superblock) {
  const std::string path = log_path(shared->directory, superblock.volume);
  return create_at(path, std::move(shared), superblock);
}

Result<std::shared_ptr<VolumeFile>> VolumeFile::create_at(const std::string& path,
                                                          std::shared_ptr<VolumeShared> shared,
                                                          const Superblock& superblock) {
  KELP_TRY(const bool exists, shared->io.exists(path));
  if (exists) return Error(Errc::kAlreadyExists, fmt::format("{} exists", path));
  KELP_CHECK(write_file_atomically(shared->io, path, encode_superblock(superblock)));
  KELP_TRY(std::unique_ptr<File> file, shared->io.open(path, OpenMode::kReadWrite));
  auto made =
      std::make_shared<VolumeFile>(std::move(shared), std::shared_ptr<File>(std::move(file)),
                                   superblock, CopyRole{superblock.generation});
  KELP_CHECK(made->open_direct(path));
  return made;
}

/// At once, as a path may lead to another log later.
Result<void> VolumeFile::open_direct(const std::string& path) {
  if (!shared_->direct_io) return {};
  KELP_TRY(std::shared_ptr<File> direct, shared_->io.open(path, OpenMode::kReadDirect));
  if (direct->is_direct()) {
    direct_ = std::move(direct);
  } else if (!shared_->no_direct_io.exchange(true)) {
    logger("volume").warn("no_direct_io directory={} why=\"its file system has none\"",
                          log_value(shared_->directory));
  }
  return {};
}

Result<std::shared_ptr<VolumeFile>> VolumeFile::open(std::shared_ptr<VolumeShared> shared,
                                                     VolumeId volume, const Uuid& cluster_id) {
  const std::string path = log_path(shared->directory, volume);
  KELP_TRY(std::shared_ptr<File> file, shared->io.open(path, OpenMode::kReadWrite));
  std::array<std::byte, kSuperblockBytes> bytes;
  KELP_TRY(const std::size_t got, file->read_at(0, bytes));
  const auto superblock = decode_superblock(ByteSpan(bytes).first(got));
  if (!superblock.has_value()) {
    return Error(superblock.error().code(),
                 fmt::format("{}: {}", path, superblock.error().detail()));
  }
  if (superblock->cluster_id != cluster_id) {
    return Error(Errc::kPermissionDenied,
                 fmt::format("{} belongs to cluster {}, this is cluster {}", path,
                             to_string(superblock->cluster_id), to_string(cluster_id)));
  }
  if (superblock->volume != volume) {
    return Error(Errc::kCorruption,
                 fmt::format("{} says it is volume {}", path, superblock->volume.value));
  }
  KELP_TRY(const CopyRole role, load_volume_role(shared->io, shared->directory, volume,
                                                 CopyRole{superblock->generation}));
  auto opened = std::make_shared<VolumeFile>(std::move(shared), std::move(file), *superblock, role);
  KELP_CHECK(opened->open_direct(path));
  KELP_CHECK(opened->load_index());
  // What a scan found lies in memory until then.
  if (opened->shared_->index_on_disk) opened->count_changes(0);
  return opened;
}

VolumeFile::VolumeFile(std::shared_ptr<VolumeShared> shared, std::shared_ptr<File> file,
                       Superblock superblock, CopyRole role)
    : shared_(std::move(shared)),
      file_(std::move(file)),
      superblock_(std::move(superblock)),
      seed_(superblock_.salt),
      reader_(file_, seed_),
      role_(role) {
  GroupCommit::Options options{.sync = shared_->sync, .failed = nullptr, .pulse = &shared_->pulse};
  // Held by this volume and by jobs that hold this volume's callers: it outlives the callback.
  options.failed = [this](const Error& error) { went_read_only(error); };
  group_commit_ =
      std::make_shared<GroupCommit>(file_, shared_->pool, shared_->probe, std::move(options));
  if (shared_->cache == nullptr) return;
  auto settled = [this] { return settled_bytes(); };
  cached_ = std::make_unique<CachedLog>(*shared_->cache, file_, seed_, std::move(settled));
}

/// What was damaged in a log that is no more is nobody's concern.
VolumeFile::~VolumeFile() {
  shared_->probe.damaged_needles.Decrement(static_cast<double>(damaged_.size()));
}

Result<NeedlePlace> VolumeFile::reserve(NeedleKey key, std::uint64_t bytes) {
  KELP_CHECK(check_writable());
  const std::lock_guard lock(mutex_);
  KELP_CHECK(check_place_is_given());
  if (end_ + bytes > std::min(shared_->limit_bytes, kMaxLogBytes)) {
    return Error(Errc::kNoSpace, fmt::format("volume {} is full: {} of {} bytes",
                                             superblock_.volume.value, end_, shared_->limit_bytes));
  }
  KELP_TRY(const auto there, look_up(key));
  if (there.has_value() || !open_keys_.insert(key.value).second) {
    return Error(Errc::kAlreadyExists, fmt::format("needle {:x} is in volume {} already", key.value,
                                                   superblock_.volume.value));
  }
  const NeedlePlace place{.offset = end_, .bytes = static_cast<std::uint32_t>(bytes)};
  open_places_.insert(open_places_.end(), end_);
  end_ += bytes;
  shared_->reserved_bytes += bytes;
  return place;
}

Result<void> VolumeFile::check_thawed() const {
  if (!role_.frozen) return {};
  return Error(Errc::kConflict, fmt::format("volume {} is being copied", superblock_.volume.value));
}

/// kConflict when a place would be given out in vain.
Result<void> VolumeFile::check_place_is_given() const {
  KELP_CHECK(check_thawed());
  if (!closed_ && successor_ == nullptr) return {};
  return Error(Errc::kConflict,
               fmt::format("volume {} goes on in another log", superblock_.volume.value));
}

bool VolumeFile::is_moving() const {
  const std::lock_guard lock(mutex_);
  return closed_ || successor_ != nullptr;
}

Task<std::shared_ptr<VolumeFile>> VolumeFile::newest() {
  const auto self = shared_from_this();
  auto start = [this](std::function<void(bool)> done) {
    {
      const std::lock_guard lock(mutex_);
      if (closed_) return move_waiters_.push_back(std::move(done));
    }
    done(true);
  };
  co_await await_callback<bool>(std::move(start));
  const std::lock_guard lock(mutex_);
  co_return successor_ == nullptr ? self : successor_;
}

Result<void> VolumeFile::let_finish(Generation generation, NeedlePlace place) {
  const std::lock_guard lock(mutex_);
  KELP_CHECK(check_thawed());
  if (role_.generation != generation) {
    return Error(Errc::kConflict,
                 fmt::format("volume {} is of generation {} by now, not {}",
                             superblock_.volume.value, role_.generation.value, generation.value));
  }
  finishing_.insert(place.offset);
  return {};
}

void VolumeFile::publish(NeedleKey key, NeedlePlace place) {
  {
    const std::lock_guard lock(mutex_);
    index_.add(key, place);
    note_change(key);
    open_places_.erase(place.offset);
    open_keys_.erase(key.value);
    end_finishing(place.offset);
  }
  shared_->reserved_bytes -= place.bytes;
  shared_->probe.needles_written.Increment();
  count_changes(1);
}

void VolumeFile::note_change(NeedleKey key) {
  if (changed_keys_.has_value()) changed_keys_->push_back(key);
  if (changed_since_snapshot_.has_value()) changed_since_snapshot_->push_back(key);
}

void VolumeFile::abandon(NeedleKey key, NeedlePlace place, std::uint64_t hole_begin,
                         std::uint64_t hole_end) {
  {
    const std::lock_guard lock(mutex_);
    open_places_.erase(place.offset);
    open_keys_.erase(key.value);
    end_finishing(place.offset);
  }
  shared_->reserved_bytes -= place.bytes;
  shared_->probe.uploads_abandoned.Increment();
  if (hole_begin >= hole_end) return;
  // Best effort: what a full pool refuses, vacuum takes back.
  (void)shared_->pool.try_post([file = file_, hole_begin, hole_end] {
    (void)file->punch_hole(hole_begin, hole_end - hole_begin);
  });
}

Result<void> VolumeFile::write(std::uint64_t offset, std::span<const ByteSpan> pieces) {
  KELP_CHECK(check_writable());
  auto written = file_->write_at(offset, pieces);
  if (!written.has_value()) {
    if (written.error().code() != Errc::kNoSpace) group_commit_->fail(written.error());
    return written;
  }
  std::size_t bytes = 0;
  for (const ByteSpan piece : pieces) bytes += piece.size();
  shared_->probe.written_bytes.Increment(static_cast<double>(bytes));
  return {};
}

Task<Result<void>> VolumeFile::commit(LogWrite write) {
  return group_commit_->commit(write);
}

Result<void> VolumeFile::check_writable() const {
  if (!read_only_.load(std::memory_order_relaxed)) return {};
  return Error(Errc::kUnavailable,
               fmt::format("volume {} is read-only after an I/O error", superblock_.volume.value));
}

void VolumeFile::went_read_only(const Error& error) {
  if (read_only_.exchange(true)) return;
  shared_->probe.read_only_volumes.Increment();
  logger("volume").error("volume_read_only volume={} error={}", superblock_.volume.value,
                         log_value(error.message()));
}

VolumeStatus VolumeFile::status() const {
  const std::lock_guard lock(mutex_);
  return {.volume = superblock_.volume,
          .generation = role_.generation,
          .collection = superblock_.collection,
          .file_bytes = end_,
          .live_bytes = index_.live_bytes(),
          .needle_count = index_.size(),
          .read_only = read_only_.load(),
          .frozen = role_.frozen};
}

Result<void> VolumeFile::measure_disk() {
  KELP_TRY(const std::uint64_t bytes, file_->allocated_bytes());
  const std::lock_guard lock(mutex_);
  // Some file systems give more than was written, and take it back by themselves.
  disk_bytes_ = std::min(bytes, end_);
  return {};
}

std::uint64_t VolumeFile::disk_bytes() const {
  const std::lock_guard lock(mutex_);
  return disk_bytes_;
}

std::size_t VolumeFile::index_memory_bytes() const {
  const std::lock_guard lock(mutex_);
  return index_.memory_bytes();
}

/// Nothing before it is written any more: a place is given out once.
std::uint64_t VolumeFile::settled_bytes() const {
  const std::lock_guard lock(mutex_);
  return open_places_.empty() ? end_ : *open_places_.begin();
}

}  // namespace kelp
