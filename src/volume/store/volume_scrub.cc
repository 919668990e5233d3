#include "volume/store/volume_scrub.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/log.h"
#include "volume/core/index_snapshot.h"

namespace kelp {
namespace {

constexpr std::size_t kListed = 256;
constexpr std::uint64_t kStepBytes = 4ULL << 20;

Error corrupt(std::string_view what) {
  return {Errc::kCorruption, std::string(what)};
}

/// What a disk says of bytes that it cannot give, or that are not those that were written; other
/// errors say nothing about them.
bool is_damage(const Error& error) {
  return error.code() == Errc::kCorruption || error.code() == Errc::kIo;
}

}  // namespace

VolumeScrub::VolumeScrub(std::shared_ptr<VolumeFile> volume, DirectWindow window)
    : volume_(std::move(volume)), window_(std::move(window)) {}

Result<VolumeScrub> VolumeScrub::begin(std::shared_ptr<VolumeFile> volume) {
  const VolumeShared& shared = volume->shared();
  const std::string path = VolumeFile::log_path(shared.directory, volume->superblock().volume);
  KELP_TRY(DirectWindow window, DirectWindow::open(shared.io, path));
  VolumeScrub scrub(std::move(volume), std::move(window));
  KELP_CHECK(scrub.check_superblock());
  KELP_CHECK(scrub.check_snapshot());
  return scrub;
}

Result<void> VolumeScrub::check_superblock() {
  const auto look = [this]() -> Result<void> {
    KELP_TRY(const ByteSpan bytes, window_.at(0, kSuperblockBytes));
    KELP_TRY(const Superblock there, decode_superblock(bytes));
    if (there == volume_->superblock()) return {};
    // The path leads to what is there now, not to the log that is looked at.
    return Error(Errc::kConflict, "another log has its name");
  };
  auto looked = look();
  if (!looked.has_value() && is_damage(looked.error())) {
    window_.forget();
    looked = look();
  }
  if (!looked.has_value() && !is_damage(looked.error())) return looked;
  volume_->note_superblock(looked.has_value());
  if (looked.has_value()) return {};
  ++damaged_;
  volume_->shared().probe.corruptions.Increment();
  logger("volume").error("superblock_corrupt volume={} error={}",
                         volume_->superblock().volume.value, log_value(looked.error().detail()));
  return {};
}

namespace {

/// Reads a snapshot from its first byte to its last.
Result<void> check_index_file(DirectWindow& window) {
  KELP_TRY(const ByteSpan head, window.at(0, kIndexBlockBytes));
  KELP_TRY(const IndexSnapshotHeader header, decode_index_header(head));
  std::uint64_t at = kIndexBlockBytes;
  std::vector<IndexEntry> entries;
  std::uint64_t needles = 0;
  for (std::uint64_t block = 0; block < header.blocks; ++block, at += kIndexBlockBytes) {
    entries.clear();
    KELP_TRY(const ByteSpan bytes, window.at(at, kIndexBlockBytes));
    KELP_CHECK(decode_index_block(bytes, entries));
    needles += entries.size();
  }
  std::string firsts;
  while (at + firsts.size() < header.file_bytes()) {
    const std::uint64_t left = header.file_bytes() - at - firsts.size();
    const auto most = static_cast<std::size_t>(std::min<std::uint64_t>(left, kIndexBlockBytes));
    KELP_TRY(const ByteSpan bytes, window.at(at + firsts.size(), most));
    if (bytes.empty()) break;
    firsts += as_text(bytes);
  }
  KELP_CHECK(decode_index_firsts(header, as_bytes(firsts)));
  if (needles == header.needles) return {};
  return Error(Errc::kCorruption, "index snapshot: the counts are others");
}

}  // namespace

/// A snapshot is a copy of what the index has: it is written anew.
Result<void> VolumeScrub::check_snapshot() {
  const VolumeShared& shared = volume_->shared();
  const VolumeId volume = volume_->superblock().volume;
  auto window = DirectWindow::open(shared.io, VolumeFile::snapshot_path(shared.directory, volume));
  if (!window.has_value() && window.error().code() == Errc::kNotFound) return {};
  if (!window.has_value()) return window.error();
  const Result<void> read = check_index_file(*window);
  if (read.has_value() || !is_damage(read.error())) return read;
  ++damaged_;
  volume_->shared().probe.corruptions.Increment();
  logger("volume").error("snapshot_corrupt volume={} error={}", volume.value,
                         log_value(read.error().detail()));
  return volume_->rewrite_snapshot();
}

Result<ScrubStep> VolumeScrub::step(NeedleKey after) {
  std::vector<IndexEntry> entries;
  {
    const std::lock_guard lock(volume_->mutex_);
    if (volume_->successor_ != nullptr) return Error(Errc::kConflict, "another log took over");
    KELP_TRY(entries, volume_->look_through(after, kListed));
  }
  ScrubStep step;
  for (const IndexEntry& entry : entries) {
    auto checked = check(entry);
    if (!checked.has_value() && is_damage(checked.error())) {
      window_.forget();  // once more: cables and memory have bad moments too
      checked = check(entry);
    }
    if (!checked.has_value()) {
      if (!is_damage(checked.error())) return checked.error();
      if (volume_->note_damaged(entry, checked.error())) {
        ++step.damaged;
        volume_->shared().probe.corruptions.Increment();
      }
    }
    step.last = entry.key;
    step.bytes += entry.place.bytes;
    if (step.bytes >= kStepBytes) break;
  }
  return step;
}

Result<void> VolumeScrub::check(const IndexEntry& entry) {
  const std::uint32_t seed = volume_->seed_at(entry.place.offset);
  return entry.place.bytes <= DirectWindow::kMostBytes ? check_small(entry, seed)
                                                       : check_large(entry, seed);
}

Result<void> VolumeScrub::check_small(const IndexEntry& entry, std::uint32_t seed) {
  KELP_TRY(const ByteSpan bytes, window_.at(entry.place.offset, entry.place.bytes));
  KELP_TRY(const WholeNeedle needle, decode_needle(bytes, seed));
  if (needle.header.key == entry.key && !needle.header.tombstone &&
      layout_of(needle.header).total_bytes == entry.place.bytes) {
    return {};
  }
  return corrupt("another needle lies at its place");
}

/// The same in pieces: the blocks' checksums are computed on the way and compared in the end.
Result<void> VolumeScrub::check_large(const IndexEntry& entry, std::uint32_t seed) {
  KELP_TRY(const ByteSpan front,
           window_.at(entry.place.offset, kNeedleHeaderBytes + kMaxBackPointerBytes));
  KELP_TRY(const NeedleHeader header, decode_needle_header(front, seed));
  const NeedleLayout layout = layout_of(header);
  if (header.key != entry.key || header.tombstone || layout.total_bytes != entry.place.bytes) {
    return corrupt("another needle lies at its place");
  }
  const std::string head(as_text(front.first(layout.body_offset)));
  BlockChecksums checksums;
  const std::uint64_t end = entry.place.offset + layout.trailer_offset;
  for (std::uint64_t at = entry.place.offset + layout.body_offset; at < end;) {
    const auto wanted =
        static_cast<std::size_t>(std::min<std::uint64_t>(end - at, DirectWindow::kMostBytes));
    KELP_TRY(const ByteSpan piece, window_.at(at, wanted));
    if (piece.size() < wanted) return corrupt("the file ends in its body");
    checksums.update(piece);
    at += wanted;
  }
  std::string trailer = encode_needle_trailer(as_bytes(head), std::move(checksums).finish());
  trailer.resize(layout.total_bytes - layout.trailer_offset, '\0');
  KELP_TRY(const ByteSpan stored, window_.at(end, trailer.size()));
  if (as_text(stored) == trailer) return {};
  return corrupt("body or trailer: wrong checksum");
}

}  // namespace kelp
