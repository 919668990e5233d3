// The masters at their limits: leases, commands, a change of leaders over 100,000 volumes on 1,000
// nodes, a million copies in memory. Prints a table with the bar of each figure; --json FILE writes
// the same.
#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "async/runtime.h"
#include "async/task_group.h"
#include "base/log.h"
#include "base/rng.h"
#include "bench/bars.h"
#include "client/key_leases.h"
#include "client/rpc/rpc_limits.h"
#include "client/rpc/rpc_master.h"
#include "crypto/random.h"
#include "master/master_service.h"
#include "os/posix_file_io.h"
#include "os/system_clock.h"
#include "raft/node/rpc_transport.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/master/fakes.h"
#include "volume/heartbeats.h"

namespace kelp::master {
namespace {

using namespace std::chrono_literals;
using bench::cpu_seconds;
using bench::report;
using bench::resident_mib;

constexpr std::size_t kMembers = 3;
constexpr std::chrono::milliseconds kTick{50};  ///< As the daemon's.
const RpcIdentity kIdentity{"c", "0123456789abcdef"};

double seconds_since(MonoTime begin, const Clock& clock) {
  return std::chrono::duration<double>(clock.mono() - begin).count();
}

void must(const auto& result, const char* what) {
  if (result.has_value()) return;
  fmt::print(stderr, "master_bench: {}: {}\n", what, result.error().message());
  std::abort();
}

// --- a world: clocks, files, nodes in memory, masters on io thread 0, clients on io thread 1

struct Outside {
  Outside() {
    channels = std::make_unique<RpcChannels>(world(0),
                                             std::vector{runtime.executor(0), runtime.executor(1)},
                                             RpcChannelsOptions{.identity = kIdentity});
  }
  ~Outside() { runtime.run(channels->stop()); }
  [[nodiscard]] RpcWorld world(std::size_t thread) {
    return {runtime.executor(thread), *network, clock, *timers, random_bytes};
  }
  Task<void> rest(std::chrono::nanoseconds time) {
    static_cast<void>(co_await timers->sleep_until(clock.mono() + time));
  }

  Runtime runtime{2};
  SystemClock clock;
  test::TempDir dir;
  std::unique_ptr<Network> network = make_tcp_network();
  std::unique_ptr<Timers> timers = make_asio_timers();
  std::unique_ptr<FileIo> io = make_posix_file_io();
  std::unique_ptr<WorkPool> pool = make_thread_pool({.threads = 4});
  std::unique_ptr<RpcChannels> channels;
};

/// What the nodes hold, before anything runs: `copies` of each of `volumes` on `nodes`.
struct Fleet {
  Fleet(std::uint32_t nodes, std::uint32_t volumes, std::uint8_t copies, bool keep_statuses) {
    state.cluster_id = "c";
    for (std::uint32_t i = 1; i <= nodes; ++i) {
      identities.push_back(identity_of(i));
      state.nodes[NodeNumber{i}].identity = identities.back();
    }
    state.next_node = NodeNumber{nodes + 1};
    by_node.resize(nodes);
    for (std::uint32_t id = 1; id <= volumes; ++id) {
      VolumeRecord record;
      record.generation = Generation{1};
      record.spread.other_nodes = static_cast<std::uint8_t>(copies - 1);
      record.phase = VolumePhase::kSealed;
      for (std::uint32_t copy = 0; copy < copies; ++copy) {
        // Steps of another length each time, so that two nodes share few volumes.
        const std::uint32_t at = (id + copy * (1 + id / nodes % (nodes / copies - 1))) % nodes;
        record.members.emplace_back(at + 1);
        by_node[at].push_back(id);
      }
      state.volumes.emplace(VolumeId{id}, std::move(record));
    }
    state.next_volume = VolumeId{volumes + 1};
    for (std::uint32_t i = 0; i < nodes; ++i) {
      const auto node = fakes.add(identities[i].address);
      node->node.node_id = identities[i].node_id;
      node->node.total_bytes = node->node.free_bytes = 1ULL << 50;
      if (keep_statuses) node->node.volumes = statuses(i);
    }
  }
  static NodeIdentity identity_of(std::uint32_t i) {
    return {fmt::format("{:08x}-0000-4000-8000-000000000000", i),
            fmt::format("10.0.{}.{}:18080", i / 250, i % 250),
            "default",
            fmt::format("rack{}", i / 50),
            {}};
  }
  [[nodiscard]] std::vector<VolumeStatus> statuses(std::size_t node) const {
    std::vector<VolumeStatus> out;
    for (const std::uint32_t id : by_node[node]) {
      VolumeStatus status;
      status.volume = VolumeId{id};
      status.generation = Generation{1};
      status.file_bytes = 8ULL << 30;
      status.live_bytes = 7ULL << 30;
      status.needle_count = 1'000'000;
      out.push_back(std::move(status));
    }
    return out;
  }

  MasterState state;
  std::vector<NodeIdentity> identities;
  std::vector<std::vector<std::uint32_t>> by_node;
  test::FakeNodes fakes;
};

/// One of the masters, alone or among three.
class Member {
 public:
  Member(Outside& outside, Fleet& fleet, std::uint64_t id, std::string dir)
      : outside_(outside), fleet_(fleet), id_(id), dir_(std::move(dir)) {}

  void listen() {
    server_ = std::make_unique<RpcServer>(outside_.world(0), master_server_options(kIdentity));
    transport_ = std::make_unique<raft::RpcTransport>(
        outside_.world(0),
        raft::RpcTransportOptions{
            .cluster_id = "c", .self = raft::NodeId{id_}, .identity = kIdentity});
  }
  /// `masters` empty: this one alone, without rpc among masters.
  Task<void> start(std::map<std::uint64_t, std::string> masters) {
    listen();
    transport_->serve(*server_);
    const std::string address = masters.empty() ? "127.0.0.1:0" : masters.at(id_);
    MasterOptions options;
    options.dir = dir_;
    options.cluster_id = "c";
    options.cluster_secret = kIdentity.secret;
    options.id = id_;
    options.address = address;
    options.bootstrap = masters;
    options.tick = kTick;
    options.seed = id_;
    options.placement.standard.spread.other_nodes = 1;
    options.placement.writable_volumes = 4;
    metrics_ = std::make_unique<Metrics>();
    MasterSeams seams{outside_.runtime.executor(0),
                      *outside_.io,
                      *outside_.pool,
                      outside_.clock,
                      *outside_.timers,
                      fleet_.fakes,
                      *transport_,
                      *metrics_,
                      [this](const std::map<std::uint64_t, std::string>& peers) {
                        std::map<raft::NodeId, std::string> all;
                        for (const auto& [id, at] : peers) all[raft::NodeId{id}] = at;
                        transport_->set_peers(all);
                      }};
    auto opened = co_await MasterService::open(std::move(seams), std::move(options));
    must(opened, "a master");
    service = *std::move(opened);
    serve_master(*server_, *service);
    serve_master_control(*server_, *service);
    must(server_->start(address), "listening");
  }
  Task<void> stop() {
    if (service == nullptr) co_return;
    service->end_waits();
    co_await server_->stop(outside_.clock.mono());
    co_await service->stop();
    co_await transport_->stop();
    service.reset();
    transport_.reset();
    server_.reset();
  }
  Task<bool> leads() {
    if (service == nullptr) co_return false;
    co_return (co_await service->wait_until_leading(MonoTime{})).has_value();
  }
  [[nodiscard]] std::string address() const { return fmt::format("127.0.0.1:{}", server_->port()); }
  /// A first leader takes this over.
  void write_state(const MasterState& state) const {
    must(outside_.io->make_dirs(dir_), "a folder");
    must(write_file_atomically(*outside_.io, dir_ + "/state", encode_state(state)), "a state");
  }

  std::unique_ptr<MasterService> service;

 private:
  Outside& outside_;
  Fleet& fleet_;
  const std::uint64_t id_;
  const std::string dir_;
  std::unique_ptr<RpcServer> server_;
  std::unique_ptr<raft::RpcTransport> transport_;
  std::unique_ptr<Metrics> metrics_;
};

/// Free ports of this machine, so that three masters can be told of each other before they listen.
Task<std::map<std::uint64_t, std::string>> free_addresses(Outside& outside) {
  std::map<std::uint64_t, std::string> out;
  std::vector<std::unique_ptr<RpcServer>> held;
  for (std::uint64_t id = 1; id <= kMembers; ++id) {
    held.push_back(std::make_unique<RpcServer>(outside.world(0), master_server_options(kIdentity)));
    must(held.back()->start("127.0.0.1:0"), "a port");
    out[id] = fmt::format("127.0.0.1:{}", held.back()->port());
  }
  for (auto& server : held) co_await server->stop(outside.clock.mono());
  co_return out;
}

/// Three masters.
class Group {
 public:
  Group(Outside& outside, Fleet& fleet) : outside_(outside) {
    for (std::uint64_t id = 1; id <= kMembers; ++id) {
      members_.push_back(std::make_unique<Member>(outside, fleet, id,
                                                  fmt::format("{}/{}", outside.dir.path(), id)));
    }
  }
  Task<void> start() {
    addresses_ = co_await free_addresses(outside_);
    for (auto& member : members_) co_await member->start(addresses_);
  }
  Task<void> stop() {
    for (auto& member : members_) co_await member->stop();
  }
  Task<Member*> leader() {
    while (true) {
      for (auto& member : members_) {
        if (co_await member->leads()) co_return member.get();
      }
      co_await outside_.rest(10ms);
    }
  }
  Task<void> find_leader(Member*& found) { found = co_await leader(); }
  void write_state(const MasterState& state) {
    for (auto& member : members_) member->write_state(state);
  }
  [[nodiscard]] const std::map<std::uint64_t, std::string>& addresses() const { return addresses_; }
  [[nodiscard]] std::vector<std::string> address_list() const {
    std::vector<std::string> out;
    for (const auto& [id, address] : addresses_) out.push_back(address);
    return out;
  }

 private:
  Outside& outside_;
  std::map<std::uint64_t, std::string> addresses_;
  std::vector<std::unique_ptr<Member>> members_;
};

/// Heartbeats of all nodes of a fleet, on io thread 0, as their servers send them.
class Beats {
 public:
  Beats(Outside& outside, Fleet& fleet, std::function<std::unique_ptr<RpcMasterClient>()> connect,
        MasterControl* in_process)
      : outside_(outside), tasks_(outside.runtime.executor(0)) {
    for (const NodeIdentity& identity : fleet.identities) {
      if (connect) clients_.push_back(connect());
      MasterControl& master = connect ? *clients_.back() : *in_process;
      beats_.push_back(std::make_unique<Heartbeats>(identity, beats_.size() + 1,
                                                    *fleet.fakes.all.at(identity.address), master,
                                                    outside.clock, *outside.timers));
    }
  }
  Task<void> start() {
    for (auto& beat : beats_) tasks_.spawn(begin(*beat));
    co_return;
  }
  Task<void> stop() {
    tasks_.cancel();
    co_await tasks_.join();
  }

 private:
  /// Servers do not start in the same millisecond.
  Task<void> begin(Heartbeats& beats) {
    co_await outside_.rest(std::chrono::milliseconds(rng_.below(1000)));
    co_await beats.run();
  }

  Outside& outside_;
  Rng rng_{7};
  std::vector<std::unique_ptr<RpcMasterClient>> clients_;
  std::vector<std::unique_ptr<Heartbeats>> beats_;
  TaskGroup tasks_;
};

/// Starts a master alone and waits until it leads.
Task<void> lead(Outside& outside, Member& master) {
  co_await master.start({});
  must(co_await master.service->wait_until_leading(outside.clock.mono() + 60s), "leading");
}

// --- assigns

constexpr int kGateways = 8;
constexpr int kUploads = 8;  ///< At once, of a gateway.
constexpr std::chrono::seconds kAssignTime{3};

Task<void> take_keys(KeyLeases& leases, Clock& clock, Executor here, MonoTime end,
                     std::uint64_t& taken) {
  constexpr int kInARow = 64;
  while (clock.mono() < end) {
    for (int i = 0; i < kInARow; ++i) {
      const auto key = co_await leases.next(4096);
      must(key, "an assign");
      ++taken;
    }
    co_await asio::post(here, asio::use_awaitable);
  }
}

/// On io thread 1.
Task<void> gateways(Outside& outside, MasterClient& master, std::uint64_t& taken) {
  const Executor here = outside.runtime.executor(1);
  std::vector<std::unique_ptr<KeyLeases>> all;
  for (int i = 0; i < kGateways; ++i) {
    all.push_back(std::make_unique<KeyLeases>(master, outside.clock, here));
    must(co_await all.back()->prepare(), "the first lease");
  }
  TaskGroup group(here);
  const MonoTime end = outside.clock.mono() + kAssignTime;
  for (auto& leases : all) {
    for (int i = 0; i < kUploads; ++i) {
      group.spawn(take_keys(*leases, outside.clock, here, end, taken));
    }
  }
  co_await group.join();
  for (auto& leases : all) co_await leases->close();
}

void bench_assigns(bool over_rpc) {
  Outside outside;
  Fleet fleet(4, 0, 2, true);
  Member master(outside, fleet, 1, outside.dir.path() + "/m");
  outside.runtime.run(lead(outside, master));
  Beats beats(outside, fleet, {}, master.service.get());
  outside.runtime.run(beats.start());
  outside.runtime.run(outside.rest(1500ms));
  std::uint64_t taken = 0;
  RpcMasterClient rpc(*outside.channels, {master.address()});
  MasterClient& client = over_rpc ? static_cast<MasterClient&>(rpc) : *master.service;
  const double cpu = cpu_seconds();
  const MonoTime begin = outside.clock.mono();
  const auto run = [](Outside& world, MasterClient& to, std::uint64_t& count) -> Task<void> {
    co_await asio::co_spawn(world.runtime.executor(1), gateways(world, to, count),
                            asio::use_awaitable);
  };
  outside.runtime.run(run(outside, client, taken));
  const double seconds = seconds_since(begin, outside.clock);
  const double spent = cpu_seconds() - cpu;
  const std::string how = over_rpc ? "over rpc" : "in process";
  report(
      {"assigns out of leases, " + how, static_cast<double>(taken) / seconds, "/s", 100'000, true});
  report({"CPU of an assign, " + how, spent * 1e6 / static_cast<double>(taken), "us"});
  outside.runtime.run(beats.stop());
  outside.runtime.run(master.stop());
}

// --- commands

Task<void> propose(MasterService& leader, int count) {
  for (int i = 0; i < count; ++i) must(co_await leader.pause_jobs(false), "a command");
}
Task<void> commands(Outside& outside, MasterService& leader, int callers, int all) {
  TaskGroup group(outside.runtime.executor(0));
  for (int i = 0; i < callers; ++i) group.spawn(propose(leader, all / callers));
  co_await group.join();
}

void bench_commands() {
  Outside outside;
  Fleet fleet(4, 0, 2, true);
  Group group(outside, fleet);
  outside.runtime.run(group.start());
  Member* leader = nullptr;
  outside.runtime.run(group.find_leader(leader));
  constexpr int kCommands = 2048;
  for (const int callers : {1, 16, 128}) {
    outside.runtime.run(commands(outside, *leader->service, callers, kCommands / 4));
    const double cpu = cpu_seconds();
    const MonoTime begin = outside.clock.mono();
    outside.runtime.run(commands(outside, *leader->service, callers, kCommands));
    const double each = (cpu_seconds() - cpu) * 1e6 / kCommands / kMembers;
    report({fmt::format("CPU of a committed command a member, {} at once", callers), each, "us",
            callers == 1 ? 0.0 : 60.0});
    report({fmt::format("commands, {} at once", callers),
            kCommands / seconds_since(begin, outside.clock), "/s"});
  }
  outside.runtime.run(group.stop());
}

// --- a change of leaders

constexpr std::uint32_t kNodes = 1000;
constexpr std::uint32_t kVolumes = 100'000;

/// Seconds until the masters lease again.
Task<void> lease_again(Outside& outside, MasterClient& masters, double& seconds) {
  const MonoTime begin = outside.clock.mono();
  LeaseRequest request;
  request.bytes = 1 << 20;
  std::string last;
  while (true) {
    const auto lease = co_await masters.lease(request);
    if (lease.has_value()) break;
    last = lease.error().message();
    if (outside.clock.mono() > begin + 60s) {
      fmt::print(stderr, "master_bench: no lease for 60 s: {}\n", last);
      std::abort();
    }
    co_await outside.rest(20ms);
  }
  seconds = seconds_since(begin, outside.clock);
}

Task<void> failovers(Outside& outside, Group& group, int rounds, std::vector<double>& took) {
  RpcMasterClient masters(*outside.channels, group.address_list());
  double seconds = 0;
  co_await lease_again(outside, masters, seconds);
  report({"first leader: 300,000 copies reported, first lease", seconds, "s"});
  const double cpu = cpu_seconds();
  co_await outside.rest(5s);
  report({"CPU of 3 masters and 1,000 simulated nodes at rest", (cpu_seconds() - cpu) / 5 * 100,
          "% of a core"});
  for (int i = 0; i < rounds; ++i) {
    Member* leader = co_await group.leader();
    const MonoTime begin = outside.clock.mono();
    co_await leader->stop();
    co_await lease_again(outside, masters, seconds);
    took.push_back(seconds_since(begin, outside.clock));
    co_await leader->start(group.addresses());
    co_await outside.rest(3s);
  }
}

void bench_failover(int rounds) {
  Outside outside;
  Fleet fleet(kNodes, kVolumes, 3, true);
  Group group(outside, fleet);
  group.write_state(fleet.state);
  outside.runtime.run(group.start());
  const auto connect = [&] {
    return std::make_unique<RpcMasterClient>(*outside.channels, group.address_list());
  };
  Member* leader = nullptr;
  outside.runtime.run(group.find_leader(leader));  // it has taken the state over
  Beats beats(outside, fleet, connect, nullptr);
  outside.runtime.run(beats.start());
  std::vector<double> took;
  outside.runtime.run(failovers(outside, group, rounds, took));
  std::ranges::sort(took);
  report({fmt::format("new leader serves, 100,000 volumes, 1,000 nodes, median of {}", rounds),
          took[took.size() / 2], "s"});
  report({"the same, longest", took.back(), "s", 3});
  outside.runtime.run(beats.stop());
  outside.runtime.run(group.stop());
}

// --- memory

constexpr std::uint32_t kManyVolumes = 333'334;

Task<void> report_all(MasterService& master, const Fleet& fleet) {
  for (std::size_t i = 0; i < fleet.identities.size(); ++i) {
    Heartbeat beat;
    beat.identity = fleet.identities[i];
    beat.process = i + 1;
    beat.sequence = 1;
    beat.full = true;
    beat.status.node_id = beat.identity.node_id;
    beat.status.total_bytes = beat.status.free_bytes = 1ULL << 50;
    beat.status.volumes = fleet.statuses(i);
    for (const VolumeStatus& status : beat.status.volumes) beat.volumes_hash += hash_of(status);
    must(co_await master.heartbeat(std::move(beat)), "a heartbeat");
  }
}

void bench_memory() {
  Outside outside;
  Fleet fleet(kNodes, kManyVolumes, 3, false);
  Member master(outside, fleet, 1, outside.dir.path() + "/m");
  MonoTime begin = outside.clock.mono();
  std::string bytes = encode_state(fleet.state);
  report({"a snapshot of 333,334 volumes is encoded", seconds_since(begin, outside.clock) * 1e3,
          "ms"});
  report({"its length", static_cast<double>(bytes.size()) / (1 << 20), "MiB"});
  begin = outside.clock.mono();
  must(decode_state(bytes), "the snapshot");
  report({"it is read", seconds_since(begin, outside.clock) * 1e3, "ms"});
  master.write_state(fleet.state);
  bytes = {};
  fleet.state = {};
  const double before = resident_mib();
  begin = outside.clock.mono();
  outside.runtime.run(lead(outside, master));
  report({"first start, state taken over", seconds_since(begin, outside.clock), "s"});
  begin = outside.clock.mono();
  outside.runtime.run(report_all(*master.service, fleet));
  report({"1,000,000 copies are reported", seconds_since(begin, outside.clock), "s"});
  const double cpu = cpu_seconds();
  outside.runtime.run(outside.rest(4s));
  report({"CPU of the leader's plans over them", (cpu_seconds() - cpu) / 4 * 100, "% of a core"});
  report({"leader's memory with 1,000,000 copies", resident_mib() - before, "MiB", 150});
  outside.runtime.run(master.stop());
  begin = outside.clock.mono();
  outside.runtime.run(lead(outside, master));
  report({"restart until it leads", seconds_since(begin, outside.clock), "s"});
  outside.runtime.run(master.stop());
}

}  // namespace
}  // namespace kelp::master

int main(int argc, char** argv) {
  std::string json;
  std::string only;
  int rounds = 5;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view flag = argv[i];
    if (flag == "--json") json = argv[i + 1];
    if (flag == "--only") only = argv[i + 1];
    if (flag == "--rounds") rounds = std::atoi(argv[i + 1]);
  }
  const auto wanted = [&only](std::string_view part) { return only.empty() || only == part; };
  const char* const level = std::getenv("KELP_LOG");
  (void)kelp::set_log_level(level != nullptr ? level : "error");
  if (wanted("memory")) kelp::master::bench_memory();
  if (wanted("assigns")) kelp::master::bench_assigns(false);
  if (wanted("assigns")) kelp::master::bench_assigns(true);
  if (wanted("commands")) kelp::master::bench_commands();
  if (wanted("failover")) kelp::master::bench_failover(rounds);
  if (!json.empty()) kelp::bench::write_json(json);
  return 0;
}
