#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "async/task_group.h"
#include "raft/node/raft_node.h"
#include "raft/node/rpc_transport.h"
#include "rpc/rpc_server.h"
#include "tests/support/sim_disk.h"
#include "tests/support/sim_network.h"

namespace kelp::test {

/// What really happened in a group, as an observer of all members sees it. A broken promise ends
/// up in `violations`.
struct RaftHistory {
  void applied(raft::LogIndex index, std::string_view command);
  void led(raft::Term term, raft::NodeId node);
  /// A command was acknowledged at `position` of the list; `seen` is what was seen when it began.
  void acknowledged(const std::string& command, std::uint64_t position, std::uint64_t seen);
  /// A read saw `length` commands; `seen` as above.
  void read(std::uint64_t length, std::uint64_t seen);
  /// A command was refused and must never show up.
  void refused(const std::string& command) { never.insert(command); }
  void check_end(const std::vector<std::string>& list);
  void violated(std::string what) { violations.push_back(std::move(what)); }

  std::map<raft::LogIndex, std::string> log;
  std::map<raft::Term, raft::NodeId> leaders;
  std::map<std::string, std::uint64_t> acks;
  std::set<std::string> never;
  std::uint64_t seen = 0;  ///< Commands that someone was told of.
  std::uint64_t reads = 0;
  std::uint64_t leases = 0;  ///< Times that a leader was seen to hold one.
  std::vector<std::string> violations;
};

/// A list that grows by each command; answers with the command's position, from 1.
class ListMachine final : public raft::StateMachine {
 public:
  ListMachine(RaftHistory& history, raft::NodeId self) : history_(history), self_(self) {}
  std::string apply(raft::LogIndex index, std::string_view command) override;
  [[nodiscard]] std::string snapshot() const override;
  Result<void> restore(std::string_view snapshot) override;
  void leading(raft::Term term) override;
  void following() override;
  [[nodiscard]] const std::vector<std::string>& list() const { return list_; }
  [[nodiscard]] bool leads() const { return leads_; }
  [[nodiscard]] std::uint64_t restores() const { return restores_; }

 private:
  RaftHistory& history_;
  raft::NodeId self_;
  std::vector<std::string> list_;
  bool leads_ = false;
  std::uint64_t restores_ = 0;
};

/// Values of a group in a world.
struct RaftWorldOptions {
  std::uint64_t hosts = 3;
  std::uint64_t voters = 3;  ///< The first ones; the others wait to be added.
  std::uint64_t snapshot_log_bytes = 4000;
  std::uint64_t keep_entries = 20;
  std::uint64_t log_segment_bytes = 2000;
};

struct RaftWorld;

/// A machine of the group: what stays when it loses power, and what does not.
struct RaftHost {
  RaftHost(RaftWorld& w, std::uint64_t number);
  Task<void> start();
  /// Ends the process in good order.
  Task<void> stop();
  /// `keep_cache`: kill -9; else a power cut.
  Task<void> crash(bool keep_cache);
  [[nodiscard]] bool up() const { return node != nullptr; }
  [[nodiscard]] std::string name() const { return "n" + std::to_string(id.value); }
  [[nodiscard]] std::string address() const { return name() + ":" + std::to_string(port); }
  [[nodiscard]] RpcWorld rpc();

  RaftWorld& world;
  raft::NodeId id;
  int port = 7000;
  SimGate gate;  ///< Closed: the process stands still.
  SimDisk disk;
  SimWorkPool pool;
  std::unique_ptr<FileIo> lying_io;  ///< When set, in place of the disk.
  Metrics metrics;
  std::shared_ptr<ListMachine> machine;
  std::unique_ptr<RpcServer> server;
  std::unique_ptr<raft::RpcTransport> transport;
  std::unique_ptr<raft::RaftNode> node;
};

/// A group of production RaftNodes in a simulated world.
struct RaftWorld {
  RaftWorld(std::uint64_t world_seed, RaftWorldOptions world_options);
  RpcWorld rpc(const std::string& host);
  [[nodiscard]] MonoTime in(std::chrono::nanoseconds span) const { return context.now() + span; }
  Task<void> sleep(std::chrono::nanoseconds span);
  [[nodiscard]] std::map<raft::NodeId, std::string> addresses() const;
  Task<void> start_all();
  Task<void> stop_all();
  /// The member that leads and has told its machine, if there is one.
  [[nodiscard]] RaftHost* leader();
  /// Waits for one.
  Task<RaftHost*> wait_for_leader(std::chrono::nanoseconds span = std::chrono::seconds(60));
  /// Proposes anywhere until it works or `span` is over.
  Task<bool> propose_somewhere(std::string command,
                               std::chrono::nanoseconds span = std::chrono::seconds(60));
  /// Everything healed: the group works again and all members have the same list.
  Task<void> converge();
  void expect_no_violations();

  std::uint64_t seed;
  RaftWorldOptions options;
  SimContext context;
  SimClock clock{context};
  SimTimers timers{context};
  SimNetwork net;
  Rng rng;
  RaftHistory history;
  std::vector<std::unique_ptr<RaftHost>> hosts;
};

/// Callers that append and read, anywhere, until `*stop`.
Task<void> raft_client(RaftWorld& world, std::uint64_t number, const bool* stop);

}  // namespace kelp::test
