// The machines of a simulated cluster and the processes on them: masters and volume servers.
#include "client/rpc/rpc_limits.h"
#include "client/rpc/volume_handlers.h"
#include "tests/sim/cluster_world.h"
#include "wire/lease_token.h"

namespace kelp::test {
namespace {

using namespace std::chrono_literals;

RpcIdentity identity() {
  return {.cluster_id = std::string(kClusterId), .secret = std::string(kSecret)};
}

std::unique_ptr<RpcChannels> channels_of(Machine& machine) {
  RpcChannelsOptions options;
  options.identity = identity();
  return std::make_unique<RpcChannels>(machine.rpc(), std::vector{machine.executor()},
                                       std::move(options));
}

std::unique_ptr<RpcServers> server_of(Machine& machine) {
  return std::make_unique<RpcServers>(machine.rpc(), std::vector{machine.executor()},
                                      master_server_options(identity()));
}

}  // namespace

// --- machines

Machine::Machine(ClusterWorld& w, std::string its_name)
    : world(w),
      name(std::move(its_name)),
      gate(w.context),
      disk({.seed = w.rng.next()}),
      pool(w.context, {.gate = &gate}),
      clock(w.context) {}

RpcWorld Machine::rpc() {
  auto random = [this](MutableByteSpan out) {
    for (auto& byte : out) byte = static_cast<std::byte>(world.rng.below(256));
  };
  return {.executor = executor(),
          .network = world.net.host(name),
          .clock = clock,
          .timers = world.timers,
          .random = std::move(random)};
}

void Machine::resume() {
  if (!gate.closed()) return;
  resumed = world.context.now();
  gate.open();
}

void Machine::die() {
  world.context.note("die");
  world.trace("{} dies", name);
  disk.power_off_after(1);
  world.net.switch_off(name);
  world.net.crash_host(name);
  resume();
}

void Machine::settle(bool keep_cache) {
  if (keep_cache) {
    disk.kill();
  } else {
    disk.crash(world.rng);
  }
  world.net.switch_on(name);
  disk.fail_no_more();  // else it could fail after the restart, and nobody would start it again
  broken = false;
}

// --- a master

MasterHost::MasterHost(ClusterWorld& w, std::uint64_t number)
    : world(w), id(number), machine(w, fmt::format("m{}", number)) {}

Task<void> MasterHost::start() {
  if (up()) co_return;
  world.trace("{} starts", machine.name);
  const ClusterOptions& cluster = world.options;
  machine.metrics = std::make_unique<Metrics>();
  channels = channels_of(machine);
  nodes = std::make_unique<RpcVolumeNodes>(*channels);
  rpc_transport = std::make_unique<raft::RpcTransport>(
      machine.rpc(), raft::RpcTransportOptions{.cluster_id = std::string(kClusterId),
                                               .self = id,
                                               .address = machine.address(),
                                               .identity = identity()});
  transport = spy_on(*this, *rpc_transport);
  master::MasterOptions options;
  options.dir = "/master";
  options.cluster_id = kClusterId;
  options.cluster_secret = kSecret;
  options.id = id.value;
  options.address = machine.address();
  options.join = id.value > cluster.masters;
  const auto addresses = world.master_addresses();
  for (std::uint64_t i = 1; i <= cluster.masters || i == id.value; ++i) {
    options.bootstrap[i] = addresses[i - 1];
  }
  options.placement.standard.spread.other_nodes = static_cast<std::uint8_t>(cluster.copies - 1);
  options.placement.standard.large = cluster.large;
  options.placement.standard.large_from = 2000;
  options.placement.standard.seal = cluster.seal;
  options.placement.volume_size_limit = cluster.volume_size_limit;
  options.placement.writable_volumes = 2;
  options.placement.free_reserve_bytes = 0;
  options.liveness.suspect_after = 3s;
  options.liveness.dead_after = cluster.dead_after;
  options.liveness.flap_hold = 10s;
  options.plan.balance_bytes = cluster.balance_bytes;
  options.key_reserve = cluster.key_reserve;
  options.tick = cluster.tick;
  options.seed = world.rng.next();
  auto peers_changed = [this](const std::map<std::uint64_t, std::string>& all) {
    std::map<raft::NodeId, std::string> peers;
    for (const auto& [number, address] : all) peers[raft::NodeId{number}] = address;
    rpc_transport->set_peers(peers);
  };
  master::MasterSeams seams{machine.executor(), machine.disk,     machine.pool,
                            machine.clock,      world.timers,     *nodes,
                            *transport,         *machine.metrics, std::move(peers_changed)};
  auto opened =
      co_await world.on(machine, master::MasterService::open(std::move(seams), std::move(options)));
  if (!opened) {
    if (opened.error().code() != Errc::kIo) {
      world.history.violated(machine.name + " does not start: " + opened.error().message());
    }
    co_return co_await stop();
  }
  service = *std::move(opened);
  spied = spy_on(*this);
  server = server_of(machine);
  const auto prepare = [this](RpcServer& one) {
    rpc_transport->serve(one);
    serve_master(one, *spied);
    serve_master_control(one, *service);
  };
  server->each(prepare);
  EXPECT_TRUE(co_await world.on(machine, server->start(machine.address())));
}

Task<void> MasterHost::stop() {
  if (service != nullptr) service->end_waits();
  if (server != nullptr) co_await server->stop(world.context.now());
  if (service != nullptr) co_await service->stop();
  if (rpc_transport != nullptr) co_await world.on(machine, rpc_transport->stop());
  if (channels != nullptr) co_await channels->stop();
  server.reset();
  spied.reset();
  service.reset();
  transport.reset();
  rpc_transport.reset();
  nodes.reset();
  channels.reset();
}

Task<void> MasterHost::crash(bool keep_cache) {
  if (!up()) co_return;
  machine.die();
  co_await stop();
  machine.settle(keep_cache);
}

bool MasterHost::leads() const {
  if (!up() || machine.gate.closed()) return false;
  const auto& gauge = machine.metrics->gauge("kelp_master_leading", "1 on the master that leads.");
  return gauge.Value() > 0;
}

raft::Term MasterHost::term() const {
  const auto& gauge = machine.metrics->gauge("kelp_raft_term", "Term that this member is in.");
  return raft::Term{static_cast<std::uint64_t>(gauge.Value())};
}

// --- a volume server

VolumeHost::VolumeHost(ClusterWorld& w, std::uint64_t number)
    : world(w), machine(w, fmt::format("v{}", number)) {}

Task<void> VolumeHost::start() {
  if (up()) co_return;
  world.trace("{} starts", machine.name);
  machine.metrics = std::make_unique<Metrics>();
  channels = channels_of(machine);
  nodes = std::make_unique<RpcVolumeNodes>(*channels);
  masters = std::make_unique<RpcMasterClient>(*channels, world.master_addresses());
  clock = std::make_unique<ClusterClock>(machine.clock);
  auto verify_token = [this](const OpenNeedle& needle) -> Result<void> {
    const auto claims =
        verify_lease(kSecret, needle.token, needle.fid, needle.generation, clock->wall());
    return claims ? Result<void>() : Result<void>(claims.error());
  };
  VolumeServiceParts parts{
      machine.disk, machine.pool, machine.clock, *machine.metrics, std::move(verify_token),
      nodes.get()};
  parts.timers = &world.timers;
  auto started = VolumeService::start(
      {.directory = "/volume", .cluster_id = std::string(kClusterId), .reserve_bytes = 0},
      std::move(parts));
  if (!started) {
    if (started.error().code() != Errc::kIo) {
      world.history.violated(machine.name + " does not start: " + started.error().message());
    }
    co_return co_await stop(false);
  }
  service = *std::move(started);
  if (node_id.empty()) node_id = service->node_id();
  if (node_id != service->node_id()) world.history.violated(machine.name + " forgot its id");
  spied = spy_on(*this);
  server = server_of(machine);
  const auto prepare = [this](RpcServer& one) {
    serve_volume(one, *spied, *spied);
    serve_volume_replicas(one, *spied);
  };
  server->each(prepare);
  EXPECT_TRUE(co_await world.on(machine, server->start(machine.address())));
  NodeIdentity self{node_id, machine.address(), "default", "default", {}};
  auto heard = [this](const HeartbeatAnswer& answer) {
    clock->follow(answer.now);
    if (answer.refuse_needles) service->refuse_needles_until(machine.clock.mono() + 5s);
  };
  heartbeats =
      std::make_unique<Heartbeats>(std::move(self), world.rng.next() | 1, *service, *masters,
                                   machine.clock, world.timers, std::move(heard));
  tasks = std::make_unique<TaskGroup>(machine.executor());
  tasks->spawn(heartbeats->run());
}

Task<void> VolumeHost::stop(bool snapshots) {
  if (tasks != nullptr) {
    tasks->cancel();
    co_await tasks->join();
  }
  if (server != nullptr) co_await server->stop(world.context.now());
  if (channels != nullptr) co_await channels->stop();
  // A disk that is to fail once may do so only now.
  if (snapshots && service != nullptr) {
    EXPECT_TRUE(service->close().has_value() || machine.broken);
  }
  tasks.reset();
  heartbeats.reset();
  server.reset();
  spied.reset();
  service.reset();
  masters.reset();
  nodes.reset();
  channels.reset();
  clock.reset();
}

Task<void> VolumeHost::crash(bool keep_cache) {
  if (!up()) co_return;
  machine.die();
  co_await stop(false);
  machine.settle(keep_cache);
}

Task<void> VolumeHost::lose_disk() {
  co_await crash(false);
  const auto names = machine.disk.list("/volume");
  for (const std::string& name : names.value_or(std::vector<std::string>())) {
    static_cast<void>(machine.disk.remove("/volume/" + name));
  }
  for (const std::string& name :
       machine.disk.list("/volume/pull").value_or(std::vector<std::string>())) {
    static_cast<void>(machine.disk.remove("/volume/pull/" + name));
  }
  node_id.clear();
  roles.clear();
  world.trace("{} has lost its disk", machine.name);
}

}  // namespace kelp::test
