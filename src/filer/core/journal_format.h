#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "kelp/result.h"
#include "kv/kv_store.h"

namespace kelp {

// The journal: what each commit changed, in rows that the same commit writes
// (docs/formats/metadata-keys.md, docs/adr/0009-journal.md). Each process writes a stream of its
// own, numbered by the store; stamps say in which order commits of several streams took effect. A
// record is the row of one commit, or several rows one behind the other when it is large.

/// Of a row's value: larger records are cut into pieces.
inline constexpr std::size_t kJournalPieceBytes = 1 << 20;

/// A point in time of a store: of each stream everything up to a number, and no more.
struct JournalPosition {
  std::uint64_t journal = 0;                    ///< 0: the store keeps none.
  std::map<std::uint64_t, std::uint64_t> read;  ///< Number by stream.
  friend bool operator==(const JournalPosition&, const JournalPosition&) = default;
};
/// As dumps have it in front.
void encode_position(const JournalPosition& position, std::string& out);
/// The caller looks at `in.failed()`.
[[nodiscard]] JournalPosition decode_position(ByteReader& in);

/// A row of a record.
struct JournalPiece {
  WallTime time;           ///< When the commit was queued, by the clock of its process.
  std::uint64_t left = 0;  ///< Pieces of the record that follow.
  std::string_view bytes;
  std::uint64_t stamp = 0;  ///< When it took effect: order, not time.
};
/// The row's value but the stamp, which stands in its last 8 bytes.
[[nodiscard]] std::string encode_piece(const JournalPiece& piece);
void add_stamp(std::uint64_t stamp, std::string& value);
/// `value` must outlive the piece. kCorruption when it is altered or cut short.
[[nodiscard]] Result<JournalPiece> decode_piece(std::string_view value);

/// What of `writes` the journal keeps: nothing of rows that no dump holds. Empty when that is
/// nothing.
[[nodiscard]] std::string encode_writes(std::span<const KvWrite> writes);
/// The writes of a record whose first row got the number `first`: those that were numbered have the
/// numbers that they got. kCorruption for anything that encode_writes() would not make.
[[nodiscard]] Result<std::vector<KvWrite>> decode_writes(std::string_view bytes,
                                                         std::uint64_t first);

/// A journal's row in an increment's.
struct JournalRow {
  std::uint64_t stream = 0;
  std::uint64_t number = 0;
  std::string value;
};
/// Its value there; the second: kCorruption when it is cut short.
[[nodiscard]] std::string encode_journal_row(const JournalRow& row);
[[nodiscard]] Result<JournalRow> decode_journal_row(std::string_view value);

/// What a commit changed.
struct JournalChange {
  WallTime time;
  std::vector<KvWrite> writes;
};

/// Takes the rows of an increment, in its order, and gives back the changes that they tell of.
class JournalReplay {
 public:
  /// Of an increment between these positions.
  JournalReplay(JournalPosition since, JournalPosition until)
      : at_(std::move(since)), until_(std::move(until)) {}
  /// A change once its last row came. kCorruption when the row is not one that may come here.
  [[nodiscard]] Result<std::optional<JournalChange>> take(std::string_view row);
  /// At the end: kCorruption when the increment's position was not reached.
  [[nodiscard]] Result<void> finish() const;

 private:
  /// A record of which not all rows came yet.
  struct Open {
    std::uint64_t stream = 0;
    std::uint64_t first = 0;
    std::uint64_t left = 0;
    std::string bytes;
  };
  JournalPosition at_;
  JournalPosition until_;
  std::optional<Open> open_;
};

}  // namespace kelp
