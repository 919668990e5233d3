#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "raft/core/log_view.h"
#include "raft/core/membership.h"
#include "raft/core/progress.h"
#include "raft/core/quorum.h"
#include "raft/core/raft_core.h"

namespace kelp::raft {

/// Reads that one round of heartbeats confirms.
struct ReadRound {
  std::uint64_t round = 0;
  LogIndex index;  ///< The commit index when the round began.
  std::vector<std::uint64_t> requests;
};

/// What exists only while leading.
struct Leadership {
  std::vector<Progress> peers;      ///< The other members, ascending.
  LogIndex term_start;              ///< This leader's first entry.
  std::uint64_t waiting_bytes = 0;  ///< Of commands that are not committed.
  std::uint32_t heartbeat_elapsed = 0;
  bool append_due = false;  ///< Somebody may have something to receive.

  std::optional<NodeId> successor;  ///< Leadership is being given to it.
  std::uint32_t successor_elapsed = 0;

  std::uint64_t round = 0;   ///< Of heartbeats, from 1; whoever answers confirms the newest it saw.
  bool handed_over = false;  ///< Another was asked to stand, whoever hears this leader.
  std::vector<std::uint64_t> new_reads;  ///< Wait for the next round.
  std::deque<ReadRound> read_rounds;     ///< Wait for their confirmation.

  [[nodiscard]] Progress* find(NodeId node);
  [[nodiscard]] const Progress* find(NodeId node) const;
};

/// A term and vote on their way to the disk.
struct HardFlight {
  std::uint64_t sequence;
  Term term;
  std::optional<NodeId> vote;
};

/// Everything a node knows, and what it does with it. Grouped as the sources are.
struct RaftCore::State {
  State(CoreOptions core_options, StoredState stored);

  // raft_core.cc
  [[nodiscard]] NodeId self() const { return options.self; }
  [[nodiscard]] const Membership& membership() const { return memberships.current(); }
  /// May be elected: votes, or did until a change that is not decided yet. By that its log may be
  /// the only one that can win (thesis 4.2.2); its own vote then counts for nothing.
  [[nodiscard]] bool promotable() const {
    return is_voter(membership(), self()) || is_voter(memberships.at(commit), self());
  }
  [[nodiscard]] Message message(NodeId to, decltype(Message::body) body) const;
  /// Sends what promises no entries and no vote: at once unless even the term is not on disk.
  void answer(NodeId to, decltype(Message::body) body);
  [[nodiscard]] bool has_ready() const;
  [[nodiscard]] Ready take_ready();
  [[nodiscard]] std::optional<HardState> take_hard(const std::vector<Entry>& entries);
  void on_stored(std::uint64_t up_to);
  void commit_to(LogIndex index);

  // election.cc
  void tick();
  void step(Message received);
  /// False: the message is to be forgotten.
  [[nodiscard]] bool enter_term(const Message& received);
  void on_older_term(const Message& received);
  [[nodiscard]] bool in_lease() const;
  void reset_election_timer();
  void become_follower(Term new_term, std::optional<NodeId> new_leader);
  void pre_campaign();
  void campaign(bool transfer);
  void become_leader();
  void request_votes(const VoteRequest& request);
  void on_pre_vote_request(const Message& received, const VoteRequest& request);
  void give_way();
  void on_vote_request(const Message& received, const VoteRequest& request);
  void on_vote_answer(NodeId from, const VoteAnswer& given, Term their_term);
  void count_vote(NodeId from, bool granted);
  void on_timeout_now(NodeId from);

  // replication.cc: the leader's side
  void lead_tick();
  LogIndex append(EntryKind kind, std::string data);
  void sync_peers(LogIndex next);
  void send_heartbeats();
  void send_appends();
  void send_appends_to(Progress& peer);
  void offer_snapshot(Progress& peer);
  void on_append_answer(NodeId from, const AppendAnswer& given);
  void advance_commit();

  // follow.cc: the follower's side
  /// False when there is another leader already: the message is to be forgotten.
  [[nodiscard]] bool hear_leader(NodeId from);
  void on_append(NodeId from, AppendRequest request);
  [[nodiscard]] bool well_formed(const AppendRequest& request) const;
  void take_entries(AppendRequest& request);
  void on_snapshot(NodeId from, const SnapshotMark& mark);
  void compacted(LogIndex index, std::uint64_t keep);

  // read_index.cc
  [[nodiscard]] bool read_round_due() const;
  void begin_read_round();
  [[nodiscard]] std::uint64_t confirmed_round() const;
  void confirm_reads();
  void fail_reads();

  // change.cc: members and leadership change hands
  [[nodiscard]] Result<void> may_propose(std::uint64_t bytes) const;
  [[nodiscard]] Result<LogIndex> propose_change(std::vector<NodeId> voters,
                                                std::vector<NodeId> learners);
  void after_commit();
  void resign();
  [[nodiscard]] Result<void> transfer_leadership(std::optional<NodeId> to);
  void hand_over_when_ready();
  void ask_to_stand(NodeId heir);
  [[nodiscard]] std::optional<NodeId> most_advanced_voter() const;

  CoreOptions options;
  Rng rng;

  Term term;
  std::optional<NodeId> vote;
  LogView log;
  MembershipHistory memberships;
  SnapshotMark snapshot;  ///< The newest on disk.
  LogIndex commit;
  LogIndex commit_handed;  ///< Came out in a Ready.
  LogIndex applied;

  std::uint64_t sequence = 0;  ///< Of the last Ready.
  HardState hard_handed;
  Term term_stored;
  std::optional<NodeId> vote_stored;
  std::deque<HardFlight> hard_flights;
  std::optional<SnapshotMark> install;  ///< For the next Ready.

  Role role = Role::kFollower;  ///< kFollower of those who do not vote, too.
  std::optional<NodeId> leader;
  std::uint32_t elapsed = 0;  ///< Ticks since a leader was heard of, a vote given or asked for.
  std::uint32_t timeout = 0;
  bool postponed = false;  ///< This timeout was.
  std::uint32_t silent;    ///< Ticks since any leader was heard of, whatever became of its term.
  std::vector<std::pair<NodeId, bool>> votes;  ///< Of the election under way.
  std::optional<Leadership> lead;

  std::vector<Message> now;
  std::vector<Message> promises;
  std::vector<ReadState> reads;
};

}  // namespace kelp::raft
