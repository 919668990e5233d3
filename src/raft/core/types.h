#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/ids.h"

namespace kelp::raft {

/// A member of the group; chosen once, never used for another machine or an emptied disk.
using NodeId = StrongId<struct RaftNodeIdTag, std::uint64_t>;
/// A period with at most one leader. 0: before the first election.
using Term = StrongId<struct RaftTermTag, std::uint64_t>;
/// A place in the log. The first entry has index 1; 0 is before it.
using LogIndex = StrongId<struct RaftLogIndexTag, std::uint64_t>;

/// Who takes part. Two sets of voters stand beside each other while a change is under way (joint
/// consensus, Raft thesis section 4.3): then a decision needs a majority of each. Sorted, without
/// doubles; nobody is in `voters` and in `learners`.
struct Membership {
  std::vector<NodeId> voters;
  std::vector<NodeId> old_voters;  ///< Empty unless a change is under way.
  std::vector<NodeId> learners;    ///< Receive the log, do not vote; one who is also an old voter
                                   ///< votes until the change is over.
  friend bool operator==(const Membership&, const Membership&) = default;
};

/// Values are stored and travel: never renumber.
enum class EntryKind : std::uint8_t {
  kCommand = 1,     ///< `data` is the state machine's.
  kMembership = 2,  ///< `data` is encode_membership() of the set in force from this entry on; the
                    ///< log's first entry is one.
  kNothing = 3,     ///< A new leader's first entry, but for the log's first.
};

/// One entry of the log.
struct Entry {
  Term term;
  LogIndex index;
  EntryKind kind = EntryKind::kCommand;
  std::string data;
  friend bool operator==(const Entry&, const Entry&) = default;
};

/// What a node must have on disk before it speaks for it (Raft figure 2, "persistent state").
struct HardState {
  Term term;
  std::optional<NodeId> vote;  ///< Whom it voted for in `term`.
  LogIndex commit;             ///< A hint: saves applying late after a restart; may lag.
  friend bool operator==(const HardState&, const HardState&) = default;
};

/// What stands in for the log up to and including `index`.
struct SnapshotMark {
  LogIndex index;
  Term term;
  Membership membership;  ///< In force at `index`.
  friend bool operator==(const SnapshotMark&, const SnapshotMark&) = default;
};

// --- what nodes tell each other. Every message has a sender, a receiver and the sender's term.

/// Asks for a vote; `pre` asks only whether it would be given, and changes nothing (thesis 9.6).
struct VoteRequest {
  LogIndex last_index;
  Term last_term;
  bool pre = false;
  bool transfer = false;  ///< The leader asked for this election: its lease does not forbid it.
  friend bool operator==(const VoteRequest&, const VoteRequest&) = default;
};
/// Whether it is given.
struct VoteAnswer {
  bool pre = false;
  bool granted = false;
  friend bool operator==(const VoteAnswer&, const VoteAnswer&) = default;
};
/// Entries after (`previous_index`, `previous_term`); without entries it is a heartbeat.
struct AppendRequest {
  LogIndex previous_index;
  Term previous_term;
  LogIndex commit;
  std::uint64_t read_sequence = 0;  ///< Newest round of heartbeats, which an answer confirms;
                                    ///< reads wait for that: thesis 6.4.
  std::vector<Entry> entries;
  friend bool operator==(const AppendRequest&, const AppendRequest&) = default;
};
/// What became of an AppendRequest.
struct AppendAnswer {
  bool accepted = false;
  LogIndex match;                   ///< Accepted: everything up to here is on the follower's disk.
  LogIndex hint_index;              ///< Refused: the leader goes on at or before this index, whose
  Term hint_term;                   ///< term at the follower this is.
  std::uint64_t read_sequence = 0;  ///< Of the request.
  friend bool operator==(const AppendAnswer&, const AppendAnswer&) = default;
};
/// The follower's log begins before what the leader still has: the shell sends the snapshot's
/// bytes (node/), and answers for the follower with an AppendAnswer when it is installed.
struct InstallSnapshot {
  SnapshotMark mark;
  friend bool operator==(const InstallSnapshot&, const InstallSnapshot&) = default;
};
/// The leader asks its receiver to begin an election at once (thesis 3.10).
struct TimeoutNow {
  friend bool operator==(const TimeoutNow&, const TimeoutNow&) = default;
};

/// What one node tells another.
struct Message {
  NodeId from;
  NodeId to;
  Term term;
  std::variant<VoteRequest, VoteAnswer, AppendRequest, AppendAnswer, InstallSnapshot, TimeoutNow>
      body;
  friend bool operator==(const Message&, const Message&) = default;
};

}  // namespace kelp::raft
