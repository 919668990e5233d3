#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "async/task_group.h"
#include "async/timers.h"
#include "async/work_pool.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "os/file_io.h"
#include "raft/core/raft_core.h"
#include "raft/node/state_machine.h"
#include "raft/node/transport.h"

namespace kelp::raft {

/// One member of a group.
struct NodeOptions {
  std::string dir;         ///< Log, hard state and snapshots; made when missing.
  std::string cluster_id;  ///< UUID text; a directory or a peer of another cluster is refused.
  NodeId self;
  /// First start with an empty directory: the group's first voters. Every one of them is given the
  /// same. Empty: waits to be added to a group that exists.
  std::vector<NodeId> bootstrap;
  std::chrono::milliseconds tick{100};
  std::uint32_t election_ticks = 10;
  std::uint64_t snapshot_log_bytes = 16ULL << 20;  ///< Log past the last snapshot: time for one.
  std::uint64_t keep_entries = 10'000;             ///< Behind a snapshot, for slow followers.
  std::uint64_t log_segment_bytes = 16 << 20;      ///< Of a file of the log.
  std::uint64_t seed = 1;
};

/// What a node touches; everything must outlive it and happens on `executor`.
struct NodeSeams {
  Executor executor;
  FileIo& io;
  WorkPool& pool;
  const Clock& clock;
  Timers& timers;
  Transport& transport;
  Metrics& metrics;
  const Clock* boot_clock = nullptr;  ///< Counts the time of a suspended machine as well, for
                                      ///< holds_lease(); none: `clock`.
};

/// A proposal that was committed and applied here.
struct Applied {
  LogIndex index;
  std::string answer;  ///< StateMachine::apply's.
};

/// How the node stands; for operators.
struct NodeStatus {
  NodeId self;
  Role role = Role::kFollower;
  Term term;
  std::optional<NodeId> leader;
  LogIndex commit;
  LogIndex applied;
  LogIndex first;
  LogIndex last;
  Membership membership;
  std::vector<MemberProgress> members;  ///< Leader only.
};

/// A Raft member with its disk and its peers: the shell around RaftCore. One executor.
class RaftNode {
 public:
  /// Opens the directory. `machine` must outlive the node.
  /// Errors: kCorruption for a log that was damaged other than by a torn tail (says how to remove
  /// and add this member again), kPrecondition for another cluster or node, kUnimplemented for a
  /// newer format.
  [[nodiscard]] static Task<Result<std::unique_ptr<RaftNode>>> open(NodeSeams seams,
                                                                    NodeOptions options,
                                                                    StateMachine& machine);
  ~RaftNode();
  RaftNode(const RaftNode&) = delete;
  RaftNode& operator=(const RaftNode&) = delete;

  /// Replicates `command` and waits until it is applied here. kUnavailable: not leader (detail
  /// names the leader), or leadership was lost before it was committed: the outcome is unknown
  /// unless `Error` says that nothing was proposed (Reason::kNotLeader).
  Task<Result<Applied>> propose(std::string command, MonoTime deadline);
  /// Returns when a read here sees everything that was acknowledged before the call. Leader only;
  /// kUnavailable with Reason::kNotLeader otherwise.
  Task<Result<void>> read_barrier(MonoTime deadline);
  /// Leads, and nobody else can lead yet, however long this process stood still before the call: a
  /// majority heard it so lately that it would vote for nobody else. False with a slow network,
  /// too, and for good in a term in which another was asked to take over; read_barrier() then
  /// tells.
  [[nodiscard]] bool holds_lease() const;
  /// Joint change of the members; returns when the new set is in force.
  Task<Result<void>> change_members(std::vector<NodeId> voters, std::vector<NodeId> learners,
                                    MonoTime deadline);
  Task<Result<void>> transfer_leadership(std::optional<NodeId> to, MonoTime deadline);
  /// Stops ticking, sending and storing; waiting calls end with kCancelled. Before the destructor.
  Task<void> stop();
  [[nodiscard]] NodeStatus status() const;

 private:
  struct Impl;
  explicit RaftNode(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace kelp::raft
