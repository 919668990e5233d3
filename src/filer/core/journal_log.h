#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "filer/core/journal_format.h"
#include "kelp/result.h"
#include "kv/kv_store.h"

namespace kelp {

// The journal in a store: where it ends, what stands between two positions, and what is old. All of
// it may block.

/// What a cursor has to see for the next two: bodies, all other rows and the journal.
[[nodiscard]] KvRange journal_and_rows();

/// The point in time that `rows` sees, a cursor over journal_and_rows(); leaves it anywhere.
[[nodiscard]] Result<JournalPosition> read_position(KvCursor& rows);

/// The records between a position and now, in the order in which their commits took effect (of
/// those that do not touch the same rows, in some order).
class JournalWalk {
 public:
  /// As of this moment. kNotFound: what follows `since` was cut off, or the journal was switched
  /// off since. kInvalidArgument: `since` is no position of this store, or it was of a store
  /// without a journal.
  [[nodiscard]] static Result<JournalWalk> open(KvStore& store, JournalPosition since);

  [[nodiscard]] const JournalPosition& position() const { return until_; }
  /// The next record's rows; none at the end.
  [[nodiscard]] Result<std::vector<JournalRow>> next();

 private:
  struct Record {
    std::uint64_t stamp = 0;
    std::vector<JournalRow> rows;
  };
  /// What was read ahead of a stream.
  struct Stream {
    std::uint64_t read = 0;  ///< Up to this number.
    std::uint64_t until = 0;
    std::deque<Record> ahead;
  };
  JournalWalk(std::unique_ptr<KvCursor> rows, JournalPosition until)
      : rows_(std::move(rows)), until_(std::move(until)) {}
  Result<void> fill(std::uint64_t id, Stream& stream);

  std::unique_ptr<KvCursor> rows_;
  JournalPosition until_;
  std::map<std::uint64_t, Stream> streams_;
};

/// What cuts off the journal's rows that are older than `before`, and those of journals that ended;
/// at most `most` of them. Nothing when there are none.
[[nodiscard]] Result<std::optional<KvBatch>> cut_journal(KvStore& store, WallTime before,
                                                         std::size_t most);

}  // namespace kelp
