#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <utility>

#include "filer/core/dump_format.h"
#include "kelp/result.h"

namespace kelp {

/// Reads an increment and checks it: as DumpReader does, and that it holds the records that its
/// header promises, whole and in an order that can be.
class IncrementReader {
 public:
  /// kInvalidArgument when this is a full dump; errors of DumpReader::header().
  [[nodiscard]] static Result<IncrementReader> open(DumpReader reader);
  /// `header` was read already; it has a `since`.
  IncrementReader(DumpReader reader, const DumpHeader& header)
      : reader_(std::move(reader)), replay_(*header.since, header.position) {}

  /// The next change; none at the end. kCorruption.
  [[nodiscard]] Result<std::optional<JournalChange>> next();
  /// At the end.
  [[nodiscard]] const DumpTotals& totals() const { return reader_.totals(); }

 private:
  DumpReader reader_;
  JournalReplay replay_;
  std::deque<KvRow> rows_;
};

/// Whether `next` is an increment that begins where `before`, a dump or an increment, ends:
/// kInvalidArgument says why not.
[[nodiscard]] Result<void> check_link(const DumpHeader& before, const DumpHeader& next);

/// The changes of increments that follow each other, in their order, up to a point in time.
class ChainChanges {
 public:
  /// Gives the next increment; none behind the last.
  using Open = std::function<Result<std::optional<DumpReader>>()>;
  /// Ends before the first change that was later than `until`.
  ChainChanges(Open open, std::optional<WallTime> until) : open_(std::move(open)), until_(until) {}
  /// The next one; none at the end.
  [[nodiscard]] Result<std::optional<JournalChange>> next();
  /// How many it gave.
  [[nodiscard]] std::uint64_t made() const { return made_; }

 private:
  Open open_;
  const std::optional<WallTime> until_;
  std::optional<IncrementReader> increment_;
  std::uint64_t made_ = 0;
  bool ended_ = false;
};

}  // namespace kelp
