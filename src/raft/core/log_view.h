#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "raft/core/types.h"

namespace kelp::raft {

/// The next place in the log.
[[nodiscard]] constexpr LogIndex after(LogIndex index) {
  return LogIndex{index.value + 1};
}
/// The place before; `index` is not 0.
[[nodiscard]] constexpr LogIndex before(LogIndex index) {
  return LogIndex{index.value - 1};
}

/// The log in memory, and how much of it is on disk. Entries go three ways: appended, handed to the
/// shell, stored. Cutting the log off also takes back what was handed out or stored.
class LogView {
 public:
  /// `entries` follow (`base`, `base_term`) without gaps and are on disk.
  LogView(LogIndex base, Term base_term, std::vector<Entry> entries);

  /// The place before first(): compacted away, or 0.
  [[nodiscard]] LogIndex base() const { return base_; }
  [[nodiscard]] LogIndex first() const { return after(base_); }
  [[nodiscard]] LogIndex last() const { return LogIndex{base_.value + entries_.size()}; }
  [[nodiscard]] Term last_term() const;
  /// Nothing outside [base(), last()].
  [[nodiscard]] std::optional<Term> term_at(LogIndex index) const;
  /// `index` in [first(), last()].
  [[nodiscard]] const Entry& at(LogIndex index) const;
  /// The newest place in [base(), limit] whose term is at most `term`; base() when there is none.
  [[nodiscard]] LogIndex newest_of_term(LogIndex limit, Term term) const;
  /// Copies of [from, to].
  [[nodiscard]] std::vector<Entry> copy(LogIndex from, LogIndex to) const;
  /// Copies from `from` on, up to `bytes` of data, at least one when there is one.
  [[nodiscard]] std::vector<Entry> copy_bytes(LogIndex from, std::uint64_t bytes) const;

  void append(Entry entry);
  /// Drops `index` and what follows.
  void truncate_from(LogIndex index);
  /// Drops up to `index`, which must be in the log.
  void compact(LogIndex index);
  /// A snapshot takes the place of everything; it is handed out next and not on disk yet.
  void reset(LogIndex base, Term base_term);
  /// Up to `index` a snapshot on disk covers the log.
  void covered(LogIndex index);

  [[nodiscard]] bool has_unstored() const { return reset_ || handed_ < last(); }
  /// How far the log was handed out for storing.
  [[nodiscard]] LogIndex handed() const { return handed_; }
  /// Hands out what is not on its way to the disk yet, as part of the Ready `sequence`.
  [[nodiscard]] std::vector<Entry> hand_out(std::uint64_t sequence);
  /// The Readys up to `sequence` are on disk.
  void stored(std::uint64_t sequence);
  /// Up to here the log is on disk.
  [[nodiscard]] LogIndex stored_to() const { return stored_; }
  /// Something handed out is not on disk yet.
  [[nodiscard]] bool storing() const { return !flights_.empty(); }

 private:
  /// What the disk has of today's log once `sequence` is stored.
  struct Flight {
    std::uint64_t sequence;
    LogIndex last;
  };
  LogIndex base_;
  Term base_term_;
  std::deque<Entry> entries_;
  LogIndex handed_;
  LogIndex stored_;
  bool reset_ = false;  ///< The snapshot at base_ was not handed out yet.
  std::deque<Flight> flights_;
};

}  // namespace kelp::raft
