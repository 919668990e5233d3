#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "async/task_group.h"
#include "client/cluster_clock.h"
#include "client/cluster_volumes.h"
#include "client/key_leases.h"
#include "client/rpc/rpc_channels.h"
#include "client/rpc/rpc_master.h"
#include "client/rpc/rpc_volume_node.h"
#include "master/master_service.h"
#include "raft/node/rpc_transport.h"
#include "rpc/rpc_servers.h"
#include "tests/sim/cluster_history.h"
#include "tests/support/sim_disk.h"
#include "tests/support/sim_network.h"
#include "volume/heartbeats.h"
#include "volume/volume_service.h"

namespace kelp::test {

inline constexpr std::string_view kClusterId = "00000000-0000-4000-8000-000000000001";
inline constexpr std::string_view kSecret = "0123456789abcdef";

/// The size and the habits of a simulated cluster.
struct ClusterOptions {
  std::uint64_t masters = 3;  ///< One more waits to be added.
  std::uint64_t volume_hosts = 5;
  std::uint64_t clients = 2;
  std::uint8_t copies = 2;
  EcScheme large;  ///< Of needles of 2,000 bytes and more; {}: those lie in copies too.
  EcScheme seal;   ///< What full volumes become shards of; {}: they stay copies.
  std::uint64_t volume_size_limit = 64 << 10;
  std::uint64_t key_reserve = 64;
  std::uint32_t lease_keys = 8;
  std::uint64_t balance_bytes = 48 << 10;
  std::uint32_t raft_drop_per_million = 0;  ///< Of Raft's messages; as many are doubled or late.
  std::chrono::milliseconds tick{200};      ///< Of Raft.
  std::chrono::milliseconds dead_after{8000};
};

struct ClusterWorld;

/// A machine with one process: what stays when it loses power, and what its faults act on.
struct Machine {
  Machine(ClusterWorld& w, std::string its_name);
  [[nodiscard]] RpcWorld rpc();
  [[nodiscard]] Executor executor() { return gate.executor(); }
  [[nodiscard]] std::string address() const { return name + ":7000"; }
  void pause() { gate.close(); }
  void resume();
  /// The power goes, or the process is killed: nothing leaves it and nothing reaches its disk.
  void die();
  /// What a power cut, or kill -9, leaves.
  void settle(bool keep_cache);

  ClusterWorld& world;
  const std::string name;
  SimGate gate;
  SimDisk disk;
  SimWorkPool pool;
  SimClock clock;
  std::unique_ptr<Metrics> metrics = std::make_unique<Metrics>();
  MonoTime resumed{};
  bool busy = false;    ///< A fault is under way: no other one begins.
  bool broken = false;  ///< Its disk failed: the process must be started again.
};

/// One master.
struct MasterHost {
  MasterHost(ClusterWorld& w, std::uint64_t number);
  Task<void> start();
  Task<void> stop();
  Task<void> crash(bool keep_cache);
  [[nodiscard]] bool up() const { return service != nullptr; }
  /// Leads and answers.
  [[nodiscard]] bool leads() const;
  /// The newest that it knows.
  [[nodiscard]] raft::Term term() const;

  ClusterWorld& world;
  const raft::NodeId id;
  Machine machine;
  std::unique_ptr<RpcChannels> channels;
  std::unique_ptr<RpcVolumeNodes> nodes;
  std::unique_ptr<raft::RpcTransport> rpc_transport;
  std::unique_ptr<raft::Transport> transport;
  std::unique_ptr<master::MasterService> service;
  std::unique_ptr<MasterClient> spied;
  std::unique_ptr<RpcServers> server;
};

/// One volume server.
struct VolumeHost {
  VolumeHost(ClusterWorld& w, std::uint64_t number);
  Task<void> start();
  /// `snapshots`: in good order.
  Task<void> stop(bool snapshots);
  Task<void> crash(bool keep_cache);
  /// Loses its disk; starts again as another node.
  Task<void> lose_disk();
  [[nodiscard]] bool up() const { return service != nullptr; }

  ClusterWorld& world;
  Machine machine;
  std::string node_id;
  std::map<VolumeId, CopyRole> roles;  ///< That set_role() and pull() promised.
  std::unique_ptr<ClusterClock> clock;
  std::unique_ptr<RpcChannels> channels;
  std::unique_ptr<RpcVolumeNodes> nodes;
  std::unique_ptr<RpcMasterClient> masters;
  std::unique_ptr<VolumeService> service;
  std::unique_ptr<VolumeNode> spied;
  std::unique_ptr<RpcServers> server;
  std::unique_ptr<Heartbeats> heartbeats;
  std::unique_ptr<TaskGroup> tasks;
};

/// A gateway's way to the masters and the volume servers; also the operator's.
struct ClientHost {
  ClientHost(ClusterWorld& w, std::string its_name);
  void start();
  Task<void> stop();
  Task<void> put(std::uint64_t bytes);
  Task<void> read(ClusterHistory::Needle needle, bool must_work);
  /// Tries to write what no lease allows.
  Task<void> forge();
  /// Puts and reads until `*stop`.
  Task<void> work(const bool* stop);

  ClusterWorld& world;
  Machine machine;
  Rng rng;
  std::unique_ptr<RpcChannels> channels;
  std::unique_ptr<RpcMasterClient> masters;
  std::unique_ptr<RpcVolumeNodes> nodes;
  std::unique_ptr<LocationCache> locations;
  std::unique_ptr<ClusterVolumes> volumes;
  std::unique_ptr<KeyLeases> leases;
  std::unique_ptr<TaskGroup> tasks;
  std::uint64_t refused_puts = 0;
};

/// A whole cluster of production code in one thread under one seed.
struct ClusterWorld {
  ClusterWorld(std::uint64_t world_seed, ClusterOptions world_options);
  ~ClusterWorld();
  [[nodiscard]] MonoTime in(std::chrono::nanoseconds span) const { return context.now() + span; }
  Task<void> sleep(std::chrono::nanoseconds span);
  Task<void> start_all();
  Task<void> stop_all();
  /// Runs `task` in the process on `machine`.
  template <typename T>
  Task<T> on(Machine& machine, Task<T> task) {
    return asio::co_spawn(machine.executor(), std::move(task), asio::use_awaitable);
  }
  /// A master that leads as the newest one and can be asked.
  [[nodiscard]] MasterHost* leader();
  Task<Result<ClusterView>> view();
  /// Every fault ends and whoever is down comes back.
  Task<void> heal();
  /// Healed: the cluster comes back to full redundancy by itself, and keeps every promise.
  Task<void> converge();
  [[nodiscard]] VolumeHost* host_of(const std::string& node_id);
  [[nodiscard]] std::vector<Machine*> machines();
  [[nodiscard]] std::vector<std::string> master_addresses() const;
  /// Something happened: kept for a trace when `tracing`.
  template <typename... Args>
  void trace(fmt::format_string<Args...> text, Args&&... args) {
    if (tracing) note(fmt::format(text, std::forward<Args>(args)...));
  }
  void note(std::string line);

  std::uint64_t seed;
  ClusterOptions options;
  SimContext context;
  SimTimers timers{context};
  SimNetwork net;
  Rng rng;
  ClusterHistory history;
  std::vector<std::unique_ptr<MasterHost>> masters;
  std::vector<std::unique_ptr<VolumeHost>> volumes;
  std::vector<std::unique_ptr<ClientHost>> clients;
  std::unique_ptr<ClientHost> operator_host;
  std::set<VolumeId> packed_volumes;  ///< Of which a member adopted its shard.
  std::uint64_t images_given = 0;     ///< By servers that rebuilt several shards, to others.
  bool rotten = false;                ///< Bits were flipped on one disk.
  bool tracing = false;
  std::deque<std::string> lines;
  std::chrono::nanoseconds healed_after{};  ///< What full redundancy took.

 private:
  Task<void> await_redundancy();
  Task<Result<void>> check_needle(VolumeHost& host, ClusterHistory::Needle needle,
                                  VolumeLocation location, VolumeMember member);
  Task<Result<void>> check_packed(VolumeHost& host, ClusterHistory::Needle needle,
                                  VolumeLocation location, VolumeMember member);
  Task<void> check_needles();
  Task<void> check_masters();
  [[nodiscard]] std::string what_is_missing(const ClusterView& view);
};

/// MasterClient of a master's server: reports what is leased.
[[nodiscard]] std::unique_ptr<MasterClient> spy_on(MasterHost& host);
/// A volume server that reports what it acknowledges and removes.
[[nodiscard]] std::unique_ptr<VolumeNode> spy_on(VolumeHost& host);
/// Raft's transport of `host`: reports what is sent, and loses, doubles and delays some.
[[nodiscard]] std::unique_ptr<raft::Transport> spy_on(MasterHost& host,
                                                      raft::RpcTransport& transport);

}  // namespace kelp::test
