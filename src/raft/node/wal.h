#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "os/file_io.h"
#include "raft/node/wal_format.h"

namespace kelp::raft {

/// Where a log lies and whose it is.
struct WalOptions {
  std::string dir;  ///< Exists.
  std::string cluster_id;
  NodeId node;
  std::uint64_t segment_bytes = 16 << 20;  ///< A segment that is longer is followed by a new one.
  std::uint64_t salt = 0;                  ///< Of new segments; another one at every start.
};

/// What one Ready asks to store, in this order.
struct WalChange {
  std::optional<LogPosition> reset;  ///< A snapshot takes the place of the whole log.
  std::vector<Entry> entries;        ///< Replace what the log has from the first one's index on.
  std::optional<HardState> hard;
};

/// The write-ahead log of a member: entries and hard state in segments `log-<number>.seg`. All
/// calls block; one at a time.
class Wal {
 public:
  struct Opened;
  /// Reads the log of `options.dir`; makes a new one when there is none and `create`. A write that
  /// was never acknowledged is cut off; everything that is read is on stable storage when this
  /// returns, whatever happened to earlier syncs.
  ///
  /// Errors: kCorruption for anything else that does not check, naming file and offset;
  /// kPrecondition for the log of another cluster or node, kUnimplemented for a newer format; kIo:
  /// then nothing may be concluded.
  [[nodiscard]] static Result<Opened> open(FileIo& io, WalOptions options, bool create);

  /// Makes all of `changes` durable with one sync. After an error nothing is written any more
  /// (kUnavailable), but for kNoSpace: then nothing has changed and it may be tried again.
  [[nodiscard]] Result<void> append(std::span<const WalChange> changes);
  /// A snapshot at `index` is on disk: removes the segments that hold nothing behind it.
  [[nodiscard]] Result<void> compact(LogIndex index);

  /// How many segments there are.
  [[nodiscard]] std::uint64_t segments() const { return older_.size() + 1; }

 private:
  struct Older {
    std::uint64_t number = 0;
    LogIndex end;  ///< Of the log when the next segment began.
  };
  struct Scan;
  struct Recovery;

  Wal(FileIo& io, WalOptions options) : io_(io), options_(std::move(options)) {}
  [[nodiscard]] std::string path_of(std::uint64_t number) const;
  Result<std::vector<std::uint64_t>> list_segments();
  Result<Scan> scan_segment(std::uint64_t number, bool is_last, Recovery& recovery);
  Result<void> check_header(const SegmentHeader& header, std::uint64_t number) const;
  Result<void> recover(const std::vector<std::uint64_t>& numbers, Recovery& recovery);
  Result<void> continue_after(const Scan& last);
  Result<void> begin_segment(std::uint64_t number, bool first);
  Result<void> write_frame(FrameBuilder frame);
  Result<void> append_all(std::span<const WalChange> changes);
  [[nodiscard]] Error damaged(std::uint64_t number, std::uint64_t offset,
                              std::string_view why) const;

  FileIo& io_;
  WalOptions options_;
  std::deque<Older> older_;
  SegmentHeader segment_;  ///< The one that is written.
  std::unique_ptr<File> file_;
  std::uint64_t offset_ = 0;  ///< Where its next frame goes.
  std::uint64_t next_frame_ = 1;
  HardState hard_;    ///< As stored.
  LogPosition last_;  ///< As stored.
  bool failed_ = false;
};

/// A log and what was in it.
struct Wal::Opened {
  std::unique_ptr<Wal> wal;
  HardState hard;
  LogPosition base;            ///< Behind what `entries` begin.
  std::vector<Entry> entries;  ///< Without gaps.
};

}  // namespace kelp::raft
