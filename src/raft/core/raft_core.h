#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/rng.h"
#include "kelp/result.h"
#include "raft/core/types.h"

namespace kelp::raft {

/// Values of one node's core. A tick is what the shell makes it (100 ms in production).
struct CoreOptions {
  NodeId self;
  std::uint32_t election_ticks = 10;  ///< Silence before an election: drawn from [this, 2 x this).
  std::uint32_t heartbeat_ticks = 1;  ///< Less than election_ticks.
  std::uint64_t append_bytes = 1 << 20;        ///< Entries of one message; one entry may be larger.
  std::uint32_t append_window = 32;            ///< Unanswered messages to one follower.
  std::uint64_t unstored_bytes = 64ULL << 20;  ///< Proposed and not committed; kResourceExhausted.
  std::uint64_t seed = 1;                      ///< Of the election timeouts.
  /// Votes for nobody before an election timeout has passed: before the restart it may have heard a
  /// leader that counts on it (lead_rounds()).
  bool heard_before_start = false;
};

/// What a node read from its disk when it started.
struct StoredState {
  HardState hard;
  SnapshotMark snapshot;       ///< Zeros and the group's first members when there is none.
  std::vector<Entry> entries;  ///< Behind the snapshot, without gaps.
};

/// What a node is in its term.
enum class Role : std::uint8_t { kFollower, kPreCandidate, kCandidate, kLeader, kLearner };

/// What a read_index() came to.
struct ReadState {
  std::uint64_t request = 0;      ///< As given to read_index().
  std::optional<LogIndex> index;  ///< Serve the read when this is applied; nothing: not leader any
                                  ///< more, ask again.
};

/// The rounds of heartbeats of a leader: each tick of its heartbeat and each read begins one.
/// Nobody who answers a round votes for another before an election timeout of its own ticks has
/// passed, except at the leader's own request: thesis 6.4.1.
struct LeadRounds {
  Term term;
  std::uint64_t begun = 0;      ///< The newest; 0: none yet.
  std::uint64_t confirmed = 0;  ///< The newest that a majority has answered; 0: none.
};

/// What the shell has to do now. Until stored() says so, nothing of `entries`, `hard` and
/// `snapshot` counts as being on disk. It is written in the order hard, snapshot, entries: a crash
/// may leave any first part of that, of this Ready and those before it.
struct Ready {
  std::optional<HardState> hard;  ///< Changed: store it.
  std::vector<Entry> entries;     ///< Store them; they replace whatever the log has from the
                                  ///< first one's index on.
  std::optional<SnapshotMark>
      snapshot;                   ///< An installed snapshot takes the place of the whole log.
  bool must_sync = false;         ///< `hard` (term, vote) or `entries` must be synced.
  std::vector<Message> send_now;  ///< Promise nothing that is not on disk yet.
  std::vector<Message> send_when_stored;  ///< Only after hard, entries and snapshot of this and of
                                          ///< all earlier Readys are on disk.
  std::vector<Entry> committed;           ///< Apply in this order; they may come before their own
                                          ///< storing is done.
  std::vector<ReadState> reads;
  std::uint64_t sequence = 0;  ///< For stored(), which is needed only when something is to be
                               ///< stored; a promise then waits for what is on its way.

  [[nodiscard]] bool empty() const;
};

/// How far a member is; for operators and for replacing snapshots. Leader only.
struct MemberProgress {
  NodeId node;
  LogIndex match;
  bool learner = false;
  bool active = false;    ///< Heard of within an election timeout.
  bool snapshot = false;  ///< Waits for one.
};

/// The Raft consensus algorithm without any waiting: messages and ticks in, `Ready` out. It reads
/// no clock, draws only from its seed, keeps no file and never logs. Source: Ongaro, "Consensus:
/// Bridging Theory and Practice" (2014): chapters 3 and 4, 6.4 (reads), 9.6 (pre-vote), 6.2 (a
/// leader without a majority steps down: check-quorum). Not thread-safe; one owner.
///
/// A shell calls anything below, then while has_ready(): take_ready(), store, send, apply, and
/// stored() / applied() when done. Storing is asynchronous: any number of Readys may be on their
/// way to the disk; they become stored in order.
class RaftCore {
 public:
  /// `stored` as read from the disk. Errors: kCorruption for a state that no run leaves (gaps,
  /// terms that fall, a commit index past the log).
  [[nodiscard]] static Result<RaftCore> start(CoreOptions options, StoredState stored);
  RaftCore(RaftCore&&) noexcept;
  RaftCore& operator=(RaftCore&&) noexcept;
  ~RaftCore();

  /// One tick passed.
  void tick();
  /// A message arrived. From a node that is not known it may be dropped; never an assertion.
  void step(Message message);

  /// Appends a command. Returns where it will stand if this leader stays: it is committed only when
  /// it comes out of Ready::committed with the same term. kUnavailable when not leader (the hint is
  /// leader()), or while leadership is being given away; kResourceExhausted.
  [[nodiscard]] Result<LogIndex> propose(std::string command);
  /// Changes the members: through a joint set, and on to `voters` and `learners` by itself. New
  /// voters should be learners that caught up. kUnavailable as propose; kConflict while a change is
  /// under way; kInvalidArgument for an empty or overlapping set.
  [[nodiscard]] Result<LogIndex> propose_change(std::vector<NodeId> voters,
                                                std::vector<NodeId> learners);
  /// Asks for a point in the log at which a read is linearizable; answered in Ready::reads, after a
  /// round of heartbeats that shows this node still leads. kUnavailable when not leader.
  [[nodiscard]] Result<void> read_index(std::uint64_t request);
  /// Gives leadership to `to` (the most advanced voter when empty) once it has caught up; given up
  /// after an election timeout. kUnavailable when not leader; kInvalidArgument for no voter.
  [[nodiscard]] Result<void> transfer_leadership(std::optional<NodeId> to);

  [[nodiscard]] bool has_ready() const;
  [[nodiscard]] Ready take_ready();
  /// Everything in the Ready with this sequence, and in those before, is on disk.
  void stored(std::uint64_t sequence);
  /// The state machine is this far.
  void applied(LogIndex index);
  /// A snapshot of the state machine at an applied index is on disk: entries up to `index` may go.
  /// `keep` of them stay for followers that are a little behind. The snapshot may be ahead of the
  /// entries on disk: they are then covered by it, and the next ones follow behind it.
  void compacted(LogIndex index, std::uint64_t keep);
  /// The shell received the snapshot of an InstallSnapshot whole and it checks: the core answers
  /// the leader and takes it over in the next Ready, or ignores it when its log is further.
  void snapshot_received(NodeId from, Term term, SnapshotMark mark);
  /// Sending a snapshot to `to` ended; when it failed, it is offered again later.
  void snapshot_sent(NodeId to, bool succeeded);
  /// The transport lost sight of `to`: what was sent may be lost, probe anew.
  void unreachable(NodeId to);

  [[nodiscard]] Role role() const;
  [[nodiscard]] Term term() const;
  /// Who leads this term, as far as is known.
  [[nodiscard]] std::optional<NodeId> leader() const;
  [[nodiscard]] LogIndex commit_index() const;
  [[nodiscard]] LogIndex last_index() const;
  [[nodiscard]] LogIndex first_index() const;  ///< Oldest entry that is still here, or last + 1.
  [[nodiscard]] const Membership& membership() const;
  [[nodiscard]] std::vector<MemberProgress> progress() const;
  /// Nothing unless it leads, nor once it has asked another to stand for election.
  [[nodiscard]] std::optional<LeadRounds> lead_rounds() const;

 private:
  struct State;
  friend Result<void> check_invariants(const RaftCore& core);  // invariants.h
  explicit RaftCore(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace kelp::raft
