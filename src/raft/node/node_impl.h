#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "async/event.h"
#include "raft/node/lead_lease.h"
#include "raft/node/node_probe.h"
#include "raft/node/raft_node.h"
#include "raft/node/snapshot_store.h"
#include "raft/node/wal.h"
#include "rpc/deadline_queue.h"

namespace kelp::raft {

/// What the directory of a member holds, ready to start from.
struct NodeDisk {
  std::unique_ptr<Wal> wal;
  std::unique_ptr<SnapshotStore> snapshots;
  std::string state;  ///< Of the machine, at `stored.snapshot`.
  StoredState stored;
};
/// Opens or makes the directory; blocks. Errors as RaftNode::open.
[[nodiscard]] Result<NodeDisk> open_node_disk(FileIo& io, const NodeOptions& options,
                                              std::uint64_t salt);

/// The shell. Three coroutines share one executor: ticks, the loop that does what a Ready asks, and
/// the one that stores what has gathered. Everything else comes in by calls and wakes the loop.
struct RaftNode::Impl {
  Impl(NodeSeams node_seams, NodeOptions node_options, StateMachine& state_machine, NodeDisk disk,
       RaftCore raft_core);

  /// A call that waits for the group.
  struct Waiter {
    std::optional<Result<Applied>> result;
    Event finished;
  };
  using WaiterPtr = std::shared_ptr<Waiter>;
  struct Proposal {
    Term term;
    WaiterPtr waiter;
  };
  struct Change {
    LogIndex index;
    std::vector<NodeId> voters;
    std::vector<NodeId> learners;
    WaiterPtr waiter;
  };
  /// Of one Ready.
  struct Unstored {
    WalChange change;
    std::vector<Message> promises;
    std::uint64_t sequence = 0;
  };
  struct Sent {
    SnapshotMark mark;
    std::uint64_t offset = 0;
  };

  // node_loop.cc
  void start();
  Task<void> stop();
  Task<void> tick_forever();
  Task<void> run();
  Task<void> store_forever();
  Task<Result<void>> store(std::vector<WalChange> changes, std::optional<LogIndex> compact);
  void handle(Ready ready);
  void send(Message message);
  void apply_some();
  void apply(const Entry& entry);
  void apply_membership(const Entry& entry);
  void answer_reads();
  void begin_reads();
  void observe();
  void stop_leading();
  void fail(const Error& error);
  [[nodiscard]] bool halted() const { return stopping || failure.has_value(); }
  [[nodiscard]] MonoTime boot_time() const {
    return (seams.boot_clock != nullptr ? *seams.boot_clock : seams.clock).mono();
  }

  // node_snapshots.cc
  void maybe_snapshot();
  Task<void> save_snapshot(SnapshotMark mark, std::string state);
  Task<void> restore(SnapshotMark mark);
  void begin_sending(NodeId to);
  Task<void> send_snapshot(NodeId to, Term term);
  Task<Result<void>> send_pieces(NodeId to, Term term);
  Task<Result<void>> on_chunk(SnapshotChunk chunk);
  Task<Result<bool>> take_chunk(SnapshotChunk chunk);

  // raft_node.cc: calls
  [[nodiscard]] Result<void> may_call(MonoTime deadline) const;
  Task<Result<Applied>> wait(WaiterPtr waiter, MonoTime deadline);
  static void finish(const WaiterPtr& waiter, Result<Applied> result);
  void finish_all(const Error& error);

  NodeSeams seams;
  const NodeOptions options;
  StateMachine& machine;
  NodeProbe probe;
  RaftCore core;
  LeadLease lease;
  const std::unique_ptr<Wal> wal;  ///< The storing coroutine's.
  const std::unique_ptr<SnapshotStore> snapshots;
  TaskGroup tasks;
  DeadlineQueue deadlines;

  Event wake;      ///< The loop has something to do.
  Event to_store;  ///< So has the storing coroutine.
  Event call_ended;
  std::size_t calls = 0;  ///< Coroutines of others that are inside.
  bool stopping = false;
  std::optional<Error> failure;

  std::deque<Unstored> unstored;
  std::optional<LogIndex> compact_to;

  std::deque<std::variant<SnapshotMark, Entry>> to_apply;
  LogIndex applied;
  Term applied_term;
  Membership applied_membership;
  std::uint64_t log_bytes = 0;  ///< Applied since the last snapshot.
  bool snapshotting = false;
  bool restoring = false;
  bool installing = false;      ///< A snapshot arrived; what the core makes of it is not known yet.
  std::size_t restores = 0;     ///< In `to_apply`, or under way.
  std::set<NodeId> sending;     ///< A snapshot, to these.
  std::map<NodeId, Sent> sent;  ///< How far, when the sending broke off.

  Role seen_role = Role::kFollower;
  Term seen_term;
  std::optional<Term> leading;  ///< The machine was told.

  std::uint64_t next_id = 1;
  std::map<std::uint64_t, WaiterPtr> waiters;  ///< With a deadline.
  std::map<LogIndex, Proposal> proposals;
  std::vector<WaiterPtr> new_reads;  ///< Share the next question to the core.
  std::map<std::uint64_t, std::vector<WaiterPtr>> asked_reads;
  std::multimap<LogIndex, WaiterPtr> confirmed_reads;  ///< Wait for `applied`.
  std::optional<Change> change;
  std::vector<WaiterPtr> transfers;
};

}  // namespace kelp::raft
