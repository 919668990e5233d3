#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "kelp/result.h"
#include "raft/core/types.h"

namespace kelp::raft {

/// An entry's `data`: u8 version 1, then voters, old voters and learners, each a varint count and
/// ascending varint ids.
[[nodiscard]] std::string encode_membership(const Membership& membership);
/// kCorruption for anything that encode_membership() of a valid set does not write; kUnimplemented
/// for a newer version. A set without voters is one that waits to be added.
[[nodiscard]] Result<Membership> decode_membership(std::string_view bytes);
/// kInvalidArgument for an id of 0, for doubles, a list that does not ascend, a voter among the
/// learners, or old voters without new ones.
[[nodiscard]] Result<void> validate(const Membership& membership);

/// Whether `node` is one of `nodes`.
[[nodiscard]] bool contains(const std::vector<NodeId>& nodes, NodeId node);
/// Votes now: in either set.
[[nodiscard]] bool is_voter(const Membership& membership, NodeId node);
/// All who receive the log, ascending.
[[nodiscard]] std::vector<NodeId> members_of(const Membership& membership);

/// The set to begin a change with: joint, unless the voters stay who they are (then nothing can be
/// decided twice).
[[nodiscard]] Membership enter_change(const Membership& current, std::vector<NodeId> voters,
                                      std::vector<NodeId> learners);
/// The set that ends a change.
[[nodiscard]] Membership leave_change(const Membership& joint);

/// Which set is in force at every index of the log: a set counts from its entry on, committed or
/// not (thesis 4.1), so cutting the log takes sets back.
class MembershipHistory {
 public:
  MembershipHistory(LogIndex index, Membership membership);

  [[nodiscard]] const Membership& current() const { return sets_.back().membership; }
  /// Index of the entry that brought current().
  [[nodiscard]] LogIndex current_index() const { return sets_.back().index; }
  /// In force at `index`, which is not before what forget_before() kept.
  [[nodiscard]] const Membership& at(LogIndex index) const;
  void push(LogIndex index, Membership membership);
  /// Entries from `index` on are gone.
  void truncate_from(LogIndex index);
  /// at() will be asked for `index` and later only.
  void forget_before(LogIndex index);

 private:
  struct Set {
    LogIndex index;
    Membership membership;
  };
  std::deque<Set> sets_;
};

}  // namespace kelp::raft
