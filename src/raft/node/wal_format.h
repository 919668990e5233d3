#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kelp/result.h"
#include "raft/core/types.h"

namespace kelp::raft {

// The bytes of a log segment: a header, then frames. A frame is what one sync made durable: it
// counts whole or not at all. Source: docs/formats/raft-log.md, version 1.

inline constexpr std::size_t kSegmentHeaderBytes = 128;
inline constexpr std::size_t kFrameHeaderBytes = 32;
/// Frames begin at multiples of this, so that no sector border cuts a frame's header.
inline constexpr std::size_t kFrameAlignment = 32;
inline constexpr std::size_t kMaxClusterIdBytes = 64;

/// Whose log it is, and which part of it.
struct SegmentHeader {
  std::string cluster_id;  ///< At most kMaxClusterIdBytes.
  NodeId node;
  std::uint64_t segment = 0;      ///< Its number; the next one's is one more.
  std::uint64_t first_frame = 0;  ///< The number of its first frame.
  std::uint64_t salt = 0;         ///< Seeds the frames' checksums.
  friend bool operator==(const SegmentHeader&, const SegmentHeader&) = default;
};

/// kSegmentHeaderBytes.
[[nodiscard]] std::string encode_segment_header(const SegmentHeader& header);
/// Errors: kCorruption; kUnimplemented for a newer format (names both).
[[nodiscard]] Result<SegmentHeader> decode_segment_header(std::string_view bytes);

/// The entry behind which a log goes on.
struct LogPosition {
  LogIndex index;
  Term term;
  friend bool operator==(const LogPosition&, const LogPosition&) = default;
};

/// Builds the bytes of one frame.
class FrameBuilder {
 public:
  FrameBuilder() : bytes_(kFrameHeaderBytes, '\0') {}
  /// Takes the place of whatever the log has from its index on.
  void entry(const Entry& entry);
  void hard_state(const HardState& hard);
  /// The log is empty and goes on behind `at`: a snapshot stands in for what was before.
  void reset(LogPosition at);
  /// A new segment: what earlier ones hold ends with `at`.
  void position(LogPosition at);
  /// The frame for `offset` of the segment. The builder is of no more use.
  [[nodiscard]] std::string finish(const SegmentHeader& segment, std::uint64_t offset,
                                   std::uint64_t number);

 private:
  std::string bytes_;
};

/// What a log holds, by replaying its frames in order. Pure.
class LogReplay {
 public:
  /// Takes a frame's records. kCorruption for what no run writes.
  [[nodiscard]] Result<void> take(std::string_view payload);

  [[nodiscard]] const std::optional<HardState>& hard() const { return hard_; }
  /// Behind what the log begins; nothing when no record said so yet.
  [[nodiscard]] const std::optional<LogPosition>& base() const { return base_; }
  [[nodiscard]] LogPosition last() const;
  [[nodiscard]] const std::vector<Entry>& entries() const { return entries_; }
  /// Moves the entries out.
  [[nodiscard]] std::vector<Entry> take_entries() { return std::move(entries_); }

 private:
  Result<void> take_entry(Entry entry);
  Result<void> take_position(LogPosition at);

  std::optional<HardState> hard_;
  std::optional<LogPosition> base_;
  std::vector<Entry> entries_;  ///< Behind base_, without gaps.
};

/// What stands at a place of a segment.
enum class FrameState : std::uint8_t {
  kWhole,
  kShort,  ///< The file ends before it does.
  kHole,   ///< A sector of it is zeros: it was written and never synced.
  kBad     ///< All there, and does not match its checksums.
};

/// A frame, as read.
struct FrameRead {
  FrameState state = FrameState::kBad;
  std::uint64_t number = 0;  ///< When whole.
  std::uint64_t bytes = 0;   ///< When whole: header, payload and padding.
  std::string_view payload;  ///< When whole; into the segment.
};

/// Reads the frame at `offset` of `segment_bytes`.
[[nodiscard]] FrameRead read_frame(const SegmentHeader& segment, std::string_view segment_bytes,
                                   std::uint64_t offset);

/// Where a whole frame stands at or behind `offset`, if one does.
[[nodiscard]] std::optional<std::uint64_t> find_frame(const SegmentHeader& segment,
                                                      std::string_view segment_bytes,
                                                      std::uint64_t offset);

}  // namespace kelp::raft
