#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "async/event.h"
#include "async/timers.h"
#include "async/work_pool.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "client/volume_nodes.h"
#include "master/core/plans.h"
#include "master/core/topology.h"
#include "master/master_machine.h"
#include "os/file_io.h"
#include "raft/node/raft_node.h"

namespace kelp::master {

/// Who a master is and how it decides.
struct MasterOptions {
  std::string dir;             ///< Raft's log; a file `state` of an older Kelp is taken over.
  std::string cluster_id;      ///< UUID text; a state of another cluster is refused.
  std::string cluster_secret;  ///< Signs lease tokens.
  std::uint64_t id = 1;        ///< Of this member of the masters' group, from 1.
  std::string address;         ///< host:port of its rpc; empty in process.
  /// The group's first members with their addresses, the same on each; empty: this one alone.
  std::map<std::uint64_t, std::string> bootstrap;
  bool join = false;  ///< Waits to be added to a group that exists, instead of beginning one.
  PlacementOptions placement;
  LivenessOptions liveness;
  PlanOptions plan;
  std::uint64_t key_reserve = 1ULL << 20;  ///< Keys made durable at a time; a change of leaders
                                           ///< skips at most so many.
  std::chrono::seconds lease_time{600};    ///< How long a token lets needles be opened.
  /// Whoever has a lease must name its needles in metadata within so long
  /// (MasterControl::key_floor).
  std::chrono::seconds key_grace{24 * 3600};
  std::chrono::milliseconds tick{100};  ///< Of Raft; an election begins after 10 to 20.
  std::uint64_t seed = 1;               ///< Of the election timeouts.
};

/// What a master touches; everything must outlive it.
struct MasterSeams {
  Executor executor;  ///< Everything happens here.
  FileIo& io;
  WorkPool& pool;
  Clock& clock;
  Timers& timers;
  VolumeNodes& volumes;
  raft::Transport& transport;
  Metrics& metrics;
  /// Told the masters' addresses whenever they change; may be empty.
  std::function<void(const std::map<std::uint64_t, std::string>&)> peers_changed;
  const Clock* boot_clock = nullptr;  ///< As raft::NodeSeams::boot_clock.
};

/// What the parts of a master share: the replicated state, what nodes say, and what is promised.
/// Everything on the seams' executor.
struct MasterContext {
  MasterContext(MasterSeams the_seams, MasterOptions the_options)
      : seams(std::move(the_seams)),
        options(std::move(the_options)),
        machine(options.cluster_id),
        topology(options.liveness),
        date_offset_(seams.clock.wall().time_since_epoch() -
                     seams.clock.mono().time_since_epoch()) {}

  /// Replicates a command and says what it came to: the command's own refusal, or Raft's
  /// (kUnavailable, with Reason::kNotLeader when nothing was proposed).
  Task<Result<CommandOutcome>> propose(Command command);
  /// The same when only success counts.
  Task<Result<void>> commit(Command command);
  /// kUnavailable with Reason::kNotLeader unless this master leads and has taken over, as far as it
  /// knows: enough for what is committed before it is answered.
  [[nodiscard]] Result<void> check_serving() const;
  /// The same, certain: nobody else has decided anything yet. At once while the lead's lease runs;
  /// else a majority is asked. For what is answered from memory: leases of keys, and reads.
  Task<Result<void>> confirm_serving();
  [[nodiscard]] PlacementView view() const {
    return {machine.state(), topology, reservations, options.placement, seams.clock.mono()};
  }
  /// What leases are dated by, and volume servers told as the time: the wall clock as it was when
  /// the process began, and what has passed since. Who sets the clock later changes nothing.
  [[nodiscard]] WallTime lease_clock() const {
    return WallTime(seams.clock.mono().time_since_epoch() + date_offset_);
  }
  /// Leadership is young, and a node that should be up was not heard yet.
  [[nodiscard]] bool still_listening() const;
  [[nodiscard]] const MasterState& state() const { return machine.state(); }
  /// Where `node` is reached.
  [[nodiscard]] std::shared_ptr<VolumeNode> reach(NodeNumber node) const;
  /// Asks who answers there: a server that lost its disk comes back at the same address as another
  /// node, and may do work for `node` before it is heard. kConflict when it is not `node`.
  Task<Result<void>> confirm_node(NodeNumber node) const;
  [[nodiscard]] VolumeLocation location(VolumeId id, const VolumeRecord& volume) const;

  MasterSeams seams;
  const MasterOptions options;
  MasterMachine machine;
  std::unique_ptr<raft::RaftNode> node;
  Topology topology;
  Reservations reservations;
  bool serving = false;  ///< Leads and has taken over.
  Event changed;         ///< State, role or a second passed.

 private:
  const std::chrono::nanoseconds date_offset_;  ///< Of the wall to the monotonic clock.
};

}  // namespace kelp::master
