#include "raft/node/wal.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <utility>

#include "base/bytes.h"
#include "base/log.h"

namespace kelp::raft {
namespace {

constexpr std::string_view kPrefix = "log-";
constexpr std::string_view kSuffix = ".seg";
constexpr std::uint64_t kReadLimitBytes = 8ULL << 30;

std::optional<std::uint64_t> number_of(std::string_view name) {
  if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) return std::nullopt;
  name.remove_prefix(kPrefix.size());
  name.remove_suffix(kSuffix.size());
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error != std::errc{} || end != name.data() + name.size()) return std::nullopt;
  return number;
}

bool is_zeros(std::string_view bytes) {
  return bytes.find_first_not_of('\0') == std::string_view::npos;
}

}  // namespace

/// What a pass over the segments gathers.
struct Wal::Recovery {
  LogReplay replay;
  std::uint64_t next_frame = 0;  ///< Expected; 0 before the first segment.
};

/// A segment after its pass.
struct Wal::Scan {
  SegmentHeader header;
  std::uint64_t frames = 0;      ///< Whole ones.
  std::uint64_t last_frame = 0;  ///< Where the last of them begins.
  std::uint64_t end = 0;         ///< Where it ends.
  std::uint64_t file_bytes = 0;
  std::string last_bytes;  ///< The last frame; in the first one's case also the header.
};

std::string Wal::path_of(std::uint64_t number) const {
  return fmt::format("{}/{}{:020}{}", options_.dir, kPrefix, number, kSuffix);
}

Error Wal::damaged(std::uint64_t number, std::uint64_t offset, std::string_view why) const {
  return {
      Errc::kCorruption,
      fmt::format("raft log {} is damaged at byte {}: {}; this member cannot vouch for what it "
                  "promised: remove it from the group and add it again, with an empty directory "
                  "and a new node id",
                  path_of(number), offset, why)};
}

Result<std::vector<std::uint64_t>> Wal::list_segments() {
  KELP_TRY(const auto names, io_.list(options_.dir));
  std::vector<std::uint64_t> numbers;
  for (const auto& name : names) {
    if (const auto number = number_of(name)) numbers.push_back(*number);
  }
  for (std::size_t i = 1; i < numbers.size(); ++i) {
    if (numbers[i] != numbers[i - 1] + 1) return damaged(numbers[i] - 1, 0, "it is missing");
  }
  return numbers;
}

Result<void> Wal::check_header(const SegmentHeader& header, std::uint64_t number) const {
  if (header.cluster_id != options_.cluster_id) {
    return Error(Errc::kPrecondition,
                 fmt::format("{} belongs to cluster {}, not to {}", path_of(number),
                             header.cluster_id, options_.cluster_id));
  }
  if (header.node != options_.node) {
    return Error(Errc::kPrecondition,
                 fmt::format("{} belongs to node {}, not to {}", path_of(number), header.node.value,
                             options_.node.value));
  }
  if (header.segment == number) return {};
  return damaged(number, 0, fmt::format("it says that it is segment {}", header.segment));
}

/// Replays one segment. In the last one a frame that was never synced ends it; anything else that
/// does not check is damage.
Result<Wal::Scan> Wal::scan_segment(std::uint64_t number, bool is_last, Recovery& recovery) {
  KELP_TRY(const std::string bytes, read_whole_file(io_, path_of(number), kReadLimitBytes));
  Scan scan;
  scan.file_bytes = bytes.size();
  // A segment is first synced with its header and first frame: without them it never counted.
  if (is_last && (bytes.size() < kSegmentHeaderBytes || is_zeros(bytes))) return scan;
  auto header = decode_segment_header(bytes);
  if (!header) {
    if (header.error().code() == Errc::kUnimplemented) return header.error();
    return damaged(number, 0, header.error().detail());
  }
  scan.header = *std::move(header);
  KELP_CHECK(check_header(scan.header, number));
  if (recovery.next_frame == 0) recovery.next_frame = scan.header.first_frame;
  if (scan.header.first_frame != recovery.next_frame) {
    return damaged(number, 0,
                   fmt::format("it begins with frame {}, not {}", scan.header.first_frame,
                               recovery.next_frame));
  }
  scan.end = kSegmentHeaderBytes;
  while (scan.end < bytes.size()) {
    const FrameRead frame = read_frame(scan.header, bytes, scan.end);
    if (frame.state != FrameState::kWhole) {
      const auto behind = find_frame(scan.header, bytes, scan.end + kFrameAlignment);
      if (behind) {
        return damaged(number, scan.end, fmt::format("a whole frame follows at {}", *behind));
      }
      if (!is_last || frame.state == FrameState::kBad) {
        return damaged(number, scan.end, "a frame does not match its checksum");
      }
      break;
    }
    if (frame.number != recovery.next_frame) {
      return damaged(
          number, scan.end,
          fmt::format("frame {} stands where {} belongs", frame.number, recovery.next_frame));
    }
    if (const auto taken = recovery.replay.take(frame.payload); !taken) {
      return damaged(number, scan.end, taken.error().detail());
    }
    ++recovery.next_frame;
    ++scan.frames;
    scan.last_frame = scan.end;
    scan.end += frame.bytes;
  }
  if (!is_last && scan.frames == 0) return damaged(number, scan.end, "it ends without a frame");
  const std::uint64_t rewritten = scan.frames == 1 ? 0 : scan.last_frame;
  scan.last_bytes = bytes.substr(rewritten, scan.end - rewritten);
  return scan;
}

Result<void> Wal::recover(const std::vector<std::uint64_t>& numbers, Recovery& recovery) {
  Scan last;
  for (const std::uint64_t number : numbers) {
    KELP_TRY(Scan scan, scan_segment(number, number == numbers.back(), recovery));
    if (scan.frames == 0) {  // only the last one: its making was cut short
      KELP_CHECK(io_.remove(path_of(number)));
      KELP_CHECK(io_.sync_dir(options_.dir));
      break;
    }
    last = std::move(scan);
    older_.push_back({.number = number, .end = recovery.replay.last().index});
  }
  if (older_.empty()) return {};
  older_.pop_back();
  if (!recovery.replay.hard()) return damaged(last.header.segment, 0, "it holds no term and vote");
  hard_ = *recovery.replay.hard();
  last_ = recovery.replay.last();
  next_frame_ = recovery.next_frame;
  return continue_after(last);
}

/// Cuts off what was never synced. The last frame is written once more: if its sync failed in an
/// earlier life, the kernel calls its pages clean, and a sync alone would prove nothing.
Result<void> Wal::continue_after(const Scan& last) {
  segment_ = last.header;
  offset_ = last.end;
  KELP_TRY(file_, io_.open(path_of(segment_.segment), OpenMode::kReadWrite));
  if (last.file_bytes > last.end) {
    logger("raft").warn("torn_tail file={} at={} bytes={}", path_of(segment_.segment), last.end,
                        last.file_bytes - last.end);
    KELP_CHECK(file_->truncate(last.end));
  }
  const std::array<ByteSpan, 1> pieces{as_bytes(last.last_bytes)};
  KELP_CHECK(file_->write_at(last.end - last.last_bytes.size(), pieces));
  KELP_CHECK(file_->sync());
  return io_.sync_dir(options_.dir);
}

Result<Wal::Opened> Wal::open(FileIo& io, WalOptions options, bool create) {
  if (options.cluster_id.empty() || options.cluster_id.size() > kMaxClusterIdBytes) {
    return Error(Errc::kInvalidArgument,
                 fmt::format("a cluster id of {} bytes", options.cluster_id.size()));
  }
  std::unique_ptr<Wal> wal(new Wal(io, std::move(options)));
  KELP_TRY(const auto numbers, wal->list_segments());
  Recovery recovery;
  KELP_CHECK(wal->recover(numbers, recovery));
  if (!wal->file_) {
    if (!create) return wal->damaged(numbers.empty() ? 0 : numbers.back(), 0, "it is missing");
    KELP_CHECK(wal->begin_segment(0, true));
  }
  Opened opened;
  opened.hard = wal->hard_;
  opened.base = recovery.replay.base().value_or(LogPosition{});
  opened.entries = recovery.replay.take_entries();
  opened.wal = std::move(wal);
  return opened;
}

/// Makes a segment whose first frame says again what may not be forgotten with the older ones.
Result<void> Wal::begin_segment(std::uint64_t number, bool first) {
  SegmentHeader header{.cluster_id = options_.cluster_id,
                       .node = options_.node,
                       .segment = number,
                       .first_frame = next_frame_,
                       .salt = options_.salt};
  FrameBuilder frame;
  frame.hard_state(hard_);
  if (first) {
    frame.reset(last_);
  } else {
    frame.position(last_);
  }
  std::string bytes = encode_segment_header(header);
  bytes += frame.finish(header, kSegmentHeaderBytes, next_frame_);
  KELP_TRY(auto file, io_.open(path_of(number), OpenMode::kCreate));
  KELP_CHECK(file->truncate(0));  // a crash may have left one
  const std::array<ByteSpan, 1> pieces{as_bytes(bytes)};
  KELP_CHECK(file->write_at(0, pieces));
  failed_ = true;  // unless both syncs succeed
  KELP_CHECK(file->sync());
  KELP_CHECK(io_.sync_dir(options_.dir));
  failed_ = false;
  if (!first) older_.push_back({.number = segment_.segment, .end = last_.index});
  segment_ = std::move(header);
  file_ = std::move(file);
  offset_ = bytes.size();
  ++next_frame_;
  return {};
}

Result<void> Wal::write_frame(FrameBuilder frame) {
  const std::string bytes = frame.finish(segment_, offset_, next_frame_);
  const std::array<ByteSpan, 1> pieces{as_bytes(bytes)};
  if (const auto written = file_->write_at(offset_, pieces); !written) {
    failed_ = written.error().code() != Errc::kNoSpace || !file_->truncate(offset_);
    return written.error();
  }
  failed_ = true;  // unless the sync succeeds
  KELP_CHECK(file_->sync());
  failed_ = false;
  offset_ += bytes.size();
  ++next_frame_;
  return {};
}

Result<void> Wal::append(std::span<const WalChange> changes) {
  if (failed_) {
    return Error(Errc::kUnavailable, fmt::format("raft log {} failed before", options_.dir));
  }
  auto result = append_all(changes);
  if (!result && result.error().code() != Errc::kNoSpace) failed_ = true;
  if (!result && failed_) {
    return Error(Errc::kIo, result.error().detail());  // also a sync that found no space
  }
  return result;
}

Result<void> Wal::append_all(std::span<const WalChange> changes) {
  if (offset_ >= options_.segment_bytes) {
    KELP_CHECK(begin_segment(segment_.segment + 1, false));
  }
  FrameBuilder frame;
  LogPosition last = last_;
  const HardState* hard = nullptr;
  for (const WalChange& change : changes) {
    if (change.reset) {
      frame.reset(*change.reset);
      last = *change.reset;
    }
    for (const Entry& entry : change.entries) frame.entry(entry);
    if (!change.entries.empty()) {
      last = {.index = change.entries.back().index, .term = change.entries.back().term};
    }
    if (change.hard) hard = &*change.hard;
  }
  if (hard != nullptr) frame.hard_state(*hard);
  KELP_CHECK(write_frame(std::move(frame)));
  last_ = last;
  if (hard != nullptr) hard_ = *hard;
  return {};
}

Result<void> Wal::compact(LogIndex index) {
  if (failed_) {
    return Error(Errc::kUnavailable, fmt::format("raft log {} failed before", options_.dir));
  }
  while (!older_.empty() && older_.front().end <= index) {
    // One at a time: what is left is always without gaps.
    failed_ = true;  // unless both succeed
    KELP_CHECK(io_.remove(path_of(older_.front().number)));
    KELP_CHECK(io_.sync_dir(options_.dir));
    failed_ = false;
    older_.pop_front();
  }
  return {};
}

}  // namespace kelp::raft
