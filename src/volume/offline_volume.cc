#include "volume/offline_volume.h"

#include <fmt/core.h>

#include <algorithm>
#include <unordered_set>

#include "volume/store/volume_file.h"
#include "volume/store/volume_role.h"

namespace kelp {
namespace {

constexpr std::uint64_t kMaxSnapshotBytes = 1ULL << 33;

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash);
}

Result<Superblock> read_superblock(File& file, VolumeId volume) {
  std::array<std::byte, kSuperblockBytes> bytes;
  KELP_TRY(const std::size_t got, file.read_at(0, bytes));
  KELP_TRY(Superblock superblock, decode_superblock(ByteSpan(bytes).first(got)));
  if (superblock.volume == volume) return superblock;
  return Error(Errc::kCorruption,
               fmt::format("the superblock is of volume {}", superblock.volume.value));
}

Result<IndexSnapshot> read_snapshot(FileIo& io, const std::string& path, VolumeId volume) {
  KELP_TRY(const std::string bytes, read_whole_file(io, path, kMaxSnapshotBytes));
  KELP_TRY(IndexSnapshot snapshot, decode_index_snapshot(bytes));
  if (snapshot.header.volume == volume) return snapshot;
  return Error(Errc::kCorruption, "the index snapshot is of another volume");
}

}  // namespace

OfflineVolume::OfflineVolume(std::unique_ptr<File> file, VolumeId volume)
    : file_(std::move(file)),
      volume_(volume),
      superblock_(Superblock{}),
      role_(CopyRole{}),
      snapshot_(IndexSnapshot{}) {}

Result<OfflineVolume> OfflineVolume::open(FileIo& io, const std::string& path) {
  const auto volume = VolumeFile::volume_of(path);
  if (!volume.has_value()) {
    return Error(Errc::kInvalidArgument, fmt::format("{} is no volume's log: NNNNNNNNN.dat", path));
  }
  KELP_TRY(auto file, io.open(path, OpenMode::kRead));
  OfflineVolume opened(std::move(file), *volume);
  KELP_TRY(opened.file_bytes_, opened.file_->size());
  opened.superblock_ = read_superblock(*opened.file_, *volume);
  const std::string folder = folder_of(path);
  opened.snapshot_ = read_snapshot(io, VolumeFile::snapshot_path(folder, *volume), *volume);
  CopyRole first;
  if (opened.superblock_.has_value()) {
    opened.salt_ = opened.superblock_->salt;
    first.generation = opened.superblock_->generation;
    if (opened.snapshot_.has_value() && opened.snapshot_->header.salt != opened.salt_) {
      opened.snapshot_ = Error(Errc::kNotFound, "the index snapshot is of another log");
    }
  } else if (opened.superblock_.error().code() == Errc::kUnimplemented ||
             !opened.snapshot_.has_value()) {
    return Error(opened.superblock_.error().code(),
                 fmt::format("{}: {}", path, opened.superblock_.error().detail()));
  } else {
    opened.salt_ = opened.snapshot_->header.salt;
    first.generation = opened.snapshot_->header.generation;
  }
  opened.role_ = load_volume_role(io, folder, *volume, first);
  return opened;
}

LogWalk OfflineVolume::log() const {
  return {*file_, NeedleSeed(salt_), kSuperblockBytes, file_bytes_};
}

Result<OfflineVolume::End> OfflineVolume::walk(const Visit& visit) const {
  VolumeIndex index;
  End end;
  LogWalk first = log();
  while (true) {
    const auto step = first.next();
    end.offset = std::min(first.at(), file_bytes_);
    if (!step.has_value()) end.stopped = step.error();
    if (!step.has_value() || !step->has_value()) break;
    const LogStep& here = **step;
    if (!here.header || !here.trailer_matches) continue;
    if (here.header->tombstone) {
      index.erase(here.header->key);
    } else {
      index.insert(here.header->key, {here.offset, static_cast<std::uint32_t>(here.bytes)});
    }
  }
  LogWalk second = log();
  while (second.at() < end.offset) {
    const auto step = second.next();
    if (!step.has_value() || !step->has_value()) break;
    const LogStep& here = **step;
    const auto live = here.header && here.trailer_matches && !here.header->tombstone
                          ? index.find(here.header->key)
                          : std::nullopt;
    KELP_CHECK(visit(here, live.has_value() && live->offset == here.offset));
  }
  return end;
}

Result<WholeNeedle> OfflineVolume::read(const LogStep& step, std::string& bytes) const {
  bytes.resize(step.bytes);
  const auto buffer = std::as_writable_bytes(std::span(bytes));
  KELP_TRY(const std::size_t got, file_->read_at(step.offset, buffer));
  return decode_needle(buffer.first(got), NeedleSeed(salt_).at(step.offset));
}

bool VolumeCheck::sound() const {
  return std::ranges::none_of(findings, &VolumeFinding::damage);
}

namespace {

/// One check, as it goes over the log.
class Check {
 public:
  explicit Check(const OfflineVolume& volume) : volume_(volume) {}

  Result<VolumeCheck> run() {
    check_beside();
    auto visit = [this](const LogStep& step, bool live) -> Result<void> {
      see(step, live);
      return {};
    };
    KELP_TRY(const OfflineVolume::End end, volume_.walk(visit));
    if (end.stopped) {
      add(end.offset, std::nullopt, true,
          fmt::format("the log cannot be read from here on: {}", end.stopped->detail()));
    }
    check_missed();
    std::ranges::sort(result_.findings, {}, &VolumeFinding::offset);
    return std::move(result_);
  }

 private:
  void add(std::uint64_t offset, std::optional<NeedleKey> key, bool damage, std::string what) {
    result_.findings.push_back({offset, key, damage, std::move(what)});
  }

  void check_beside() {
    if (!volume_.superblock().has_value()) {
      add(0, std::nullopt, true, volume_.superblock().error().detail());
    }
    if (!volume_.role().has_value()) {
      add(0, std::nullopt, true, "the role: " + volume_.role().error().detail());
    }
    const auto& snapshot = volume_.snapshot();
    if (!snapshot.has_value() && snapshot.error().code() != Errc::kNotFound) {
      add(0, std::nullopt, true, "the index snapshot: " + snapshot.error().detail());
    }
    if (snapshot.has_value()) listed_ = snapshot->entries;
  }

  /// What the snapshot lists at that place; nothing when it lists nothing there.
  [[nodiscard]] const IndexEntry* listed(const LogStep& step) const {
    const auto at = std::ranges::lower_bound(listed_, step.header->key, {},
                                             [](const IndexEntry& entry) { return entry.key; });
    if (at == listed_.end() || at->key != step.header->key) return nullptr;
    return at->place.offset == step.offset && at->place.bytes == step.bytes ? &*at : nullptr;
  }

  void see(const LogStep& step, bool live) {
    if (!step.header) {
      return add(step.offset, std::nullopt, false,
                 fmt::format("{} bytes that belong to no needle", step.bytes));
    }
    const NeedleHeader& header = *step.header;
    if (header.tombstone && step.trailer_matches) {
      ++result_.tombstones;
      read(step);
      if (volume_.snapshot().has_value() &&
          step.offset >= volume_.snapshot()->header.covered_bytes) {
        removed_.insert(header.key.value);
      }
    } else if (!step.trailer_matches) {
      const bool known = !header.tombstone && listed(step) != nullptr;
      if (known) seen_.insert(header.key.value);
      add(step.offset, header.key, known,
          known ? "its trailer does not check" : "a needle that was never finished");
    } else if (!live) {
      ++result_.removed;
    } else {
      see_live(step);
    }
  }

  void see_live(const LogStep& step) {
    const NeedleKey key = step.header->key;
    ++result_.needles;
    result_.needle_bytes += step.bytes;
    seen_.insert(key.value);
    read(step);
    const auto& snapshot = volume_.snapshot();
    if (snapshot.has_value() && step.offset + step.bytes <= snapshot->header.covered_bytes &&
        listed(step) == nullptr) {
      add(step.offset, key, true, "the index snapshot does not list it");
    }
  }

  void read(const LogStep& step) {
    if (const auto needle = volume_.read(step, image_); !needle.has_value()) {
      add(step.offset, step.header->key, true, needle.error().detail());
    }
  }

  /// What the snapshot lists and the log does not have.
  void check_missed() {
    for (const IndexEntry& entry : listed_) {
      if (seen_.contains(entry.key.value) || removed_.contains(entry.key.value)) continue;
      add(entry.place.offset, entry.key, true, "the index snapshot lists it, the log lacks it");
    }
  }

  const OfflineVolume& volume_;
  VolumeCheck result_;
  std::string image_;  ///< Of the needle that is looked at.
  std::vector<IndexEntry> listed_;
  std::unordered_set<std::uint64_t> seen_;     ///< Keys of what is live, or would be.
  std::unordered_set<std::uint64_t> removed_;  ///< Keys that tombstones behind the snapshot name.
};

}  // namespace

Result<VolumeCheck> check_volume(const OfflineVolume& volume) {
  return Check(volume).run();
}

}  // namespace kelp
