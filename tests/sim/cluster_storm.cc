// What goes wrong: the faults of a seed, one after the other and at once.
#include "tests/sim/cluster_storm.h"

#include <algorithm>

namespace kelp::test {
namespace {

using namespace std::chrono_literals;

/// Marks a machine while a fault works on it.
class Busy {
 public:
  explicit Busy(Machine& machine) : machine_(machine) { machine_.busy = true; }
  ~Busy() { machine_.busy = false; }
  Busy(const Busy&) = delete;
  Busy& operator=(const Busy&) = delete;

 private:
  Machine& machine_;
};

enum class Fault : std::uint8_t {
  kCrashMaster,
  kCrashLeader,
  kCrashVolume,
  kBlackout,    ///< Every server loses power at once.
  kVolumeGone,  ///< For longer than it takes to be given up.
  kPowerOffMaster,
  kPowerOffVolume,  ///< In the middle of what it writes.
  kPartition,
  kIsolate,
  kOneWay,
  kFlapping,
  kPause,
  kClock,
  kSlowLinks,
  kResets,
  kSlowDisk,
  kFullDisk,
  kFailedMasterDisk,
  kFailedVolumeDisk,
  kDrain,
  kMove,
  kMasters,  ///< One is added or removed, or gives the lead away.
  kPauseJobs,
  kLostDisk,
  kRot,
};
constexpr std::uint64_t kFaults = 25;

/// A world, its faults, and what may happen at a time: never more than the copies can take.
class Storm {
 public:
  Storm(ClusterWorld& world, std::uint64_t seed)
      : w_(world), rng_(seed * 0x51ed27), group_(world.context.executor()) {
    // Few kinds at a time: many together hide what one of them would show.
    const std::uint64_t kinds = 2 + rng_.below(6);
    while (chosen_.size() < kinds) chosen_.push_back(static_cast<Fault>(rng_.below(kFaults)));
    pause_ = std::chrono::milliseconds(300 + rng_.below(2000));
    const auto has = [this](Fault fault) {
      return std::ranges::find(chosen_, fault) != chosen_.end();
    };
    // Rot is one lost copy already, and nothing looks for it yet.
    if (!has(Fault::kRot)) return;
    w_.rotten = true;
    std::erase_if(chosen_, [](Fault fault) {
      return fault == Fault::kLostDisk || fault == Fault::kVolumeGone ||
             fault == Fault::kFailedVolumeDisk || fault == Fault::kFullDisk;
    });
  }

  Task<void> run(std::chrono::nanoseconds span) {
    const MonoTime end = w_.in(span);
    co_await w_.sleep(2s);
    while (w_.context.now() < end) {
      group_.spawn(strike(chosen_[rng_.below(chosen_.size())]));
      co_await w_.sleep(pause_ / 2 + std::chrono::nanoseconds(
                                         rng_.below(static_cast<std::uint64_t>(pause_.count()))));
    }
    co_await group_.join();
  }

 private:
  Task<void> strike(Fault fault) {
    w_.context.note("fault", static_cast<std::uint64_t>(fault));
    switch (fault) {
      case Fault::kCrashMaster:
        return crash(any_master());
      case Fault::kCrashLeader:
        return crash(w_.leader());
      case Fault::kCrashVolume:
        return crash(any_volume(), std::chrono::milliseconds(rng_.below(3000)));
      case Fault::kBlackout:
        return blackout();
      case Fault::kVolumeGone:
        return crash(any_volume(), w_.options.dead_after + 1s * rng_.below(8));
      case Fault::kPowerOffMaster:
        return power_off(any_master());
      case Fault::kPowerOffVolume:
        return power_off(any_volume());
      case Fault::kPartition:
      case Fault::kIsolate:
      case Fault::kOneWay:
        return cut(fault);
      case Fault::kFlapping:
        return flap();
      case Fault::kPause:
        return pause();
      case Fault::kClock:
        return set_clock();
      case Fault::kSlowLinks:
        return disturb({.min_latency = 5ms, .max_latency = 300ms});
      case Fault::kResets:
        return disturb({.reset_per_million = 20'000});
      case Fault::kSlowDisk:
        return slow_disk();
      case Fault::kFullDisk:
        return full_disk();
      case Fault::kFailedMasterDisk:
        return failed_disk(any_master());
      case Fault::kFailedVolumeDisk:
        return failed_disk(any_volume());
      case Fault::kLostDisk:
        return lost_disk();
      case Fault::kRot:
        return rot();
      default:
        return w_.on(w_.operator_host->machine, operate(fault));
    }
  }

  // --- who

  template <typename Hosts>
  auto* pick(Hosts& hosts) {
    auto& host = *hosts[rng_.below(hosts.size())];
    return host.up() && !host.machine.busy ? &host : nullptr;
  }
  MasterHost* any_master() { return pick(w_.masters); }
  VolumeHost* any_volume() { return pick(w_.volumes); }
  Machine& any_machine() {
    const auto all = w_.machines();
    return *all[rng_.below(all.size())];
  }
  std::chrono::nanoseconds while_() { return std::chrono::milliseconds(500 + rng_.below(6000)); }

  // --- machines

  template <typename Host>
  Task<void> crash(Host* host, std::chrono::nanoseconds away = 1s, bool power_cut = false) {
    if (host == nullptr || host->machine.busy) co_return;
    const Busy busy(host->machine);
    co_await host->crash(!power_cut && rng_.below(3) == 0);
    co_await w_.sleep(away);
    co_await host->start();
  }

  Task<void> blackout() {
    for (const auto& host : w_.masters) group_.spawn(crash(host.get(), 1s, true));
    for (const auto& host : w_.volumes) group_.spawn(crash(host.get(), 1s, true));
    co_return;
  }

  template <typename Host>
  Task<void> power_off(Host* host) {
    if (host == nullptr) co_return;
    const Busy busy(host->machine);
    host->machine.disk.power_off_after(1 + rng_.below(40));
    for (int i = 0; i < 50 && !host->machine.disk.powered_off(); ++i) co_await w_.sleep(20ms);
    co_await host->crash(false);
    co_await w_.sleep(std::chrono::milliseconds(rng_.below(2000)));
    co_await host->start();
  }

  Task<void> pause() {
    Machine& machine = any_machine();
    if (machine.busy) co_return;
    const Busy busy(machine);
    w_.trace("{} is paused", machine.name);
    machine.pause();
    // Where copies rot, none may be given up for its server's silence.
    const std::uint64_t longest = w_.rotten ? 5'000 : 15'000;
    co_await w_.sleep(std::chrono::milliseconds(500 + rng_.below(longest)));
    w_.trace("{} goes on", machine.name);
    machine.resume();
  }

  Task<void> set_clock() {
    constexpr std::chrono::nanoseconds kJumps[] = {-24h, -1h, -1min, 1min, 1h, 24h};
    Machine& machine = any_machine();
    w_.trace("the clock of {} jumps", machine.name);
    machine.clock.set_skew(kJumps[rng_.below(std::size(kJumps))]);
    co_await w_.sleep(while_());
    machine.clock.set_skew({});
  }

  // --- links

  Task<void> cut(Fault fault) {
    const auto all = w_.machines();
    std::vector<std::pair<std::string, std::string>> cuts;
    std::vector<bool> side(all.size());
    for (auto&& left : side) left = rng_.below(2) == 0;
    const std::size_t victim = rng_.below(all.size());
    const bool deaf = rng_.below(2) == 0;
    for (std::size_t a = 0; a < all.size(); ++a) {
      for (std::size_t b = 0; b < all.size(); ++b) {
        const bool apart = fault == Fault::kPartition ? side[a] != side[b]
                           : fault == Fault::kIsolate ? (a == victim) != (b == victim)
                           : deaf                     ? b == victim && side[a]
                                                      : a == victim && side[b];
        if (a != b && apart) cuts.emplace_back(all[a]->name, all[b]->name);
      }
    }
    w_.trace("{} links are cut around {}", cuts.size(), all[victim]->name);
    for (const auto& [from, to] : cuts) w_.net.cut(from, to);
    co_await w_.sleep(while_());
    for (const auto& [from, to] : cuts) w_.net.heal(from, to);
    w_.trace("{} links heal around {}", cuts.size(), all[victim]->name);
  }

  Task<void> flap() {
    const std::string a = any_machine().name;
    const std::string b = any_machine().name;
    for (std::uint64_t i = 3 + rng_.below(8); i > 0; --i) {
      w_.net.partition(a, b);
      co_await w_.sleep(std::chrono::milliseconds(50 + rng_.below(600)));
      w_.net.heal(a, b);
      w_.net.heal(b, a);
      if (rng_.below(3) == 0) w_.net.reset(a, b);
      co_await w_.sleep(std::chrono::milliseconds(50 + rng_.below(600)));
    }
  }

  Task<void> disturb(SimNetworkOptions options) {
    w_.net.set_options(options);
    co_await w_.sleep(while_());
    w_.net.set_options({});
  }

  // --- disks

  Task<void> slow_disk() {
    Machine& machine = any_machine();
    w_.trace("the disk of {} is slow", machine.name);
    machine.pool.set_max_delay(400ms);
    co_await w_.sleep(while_());
    machine.pool.set_max_delay(2ms);
  }

  Task<void> full_disk() {
    Machine& machine = any_machine();
    w_.trace("the disk of {} is full", machine.name);
    machine.disk.set_faults({.capacity_bytes = 4096});
    co_await w_.sleep(while_());
    machine.disk.set_faults({});
  }

  template <typename Host>
  Task<void> failed_disk(Host* host) {
    if (host == nullptr || failed_disks_++ > 0) co_return;
    w_.trace("the disk of {} fails once", host->machine.name);
    host->machine.broken = true;
    host->machine.disk.fail_nth(rng_.below(2) == 0 ? DiskOp::kWrite : DiskOp::kSync,
                                1 + rng_.below(3));
  }

  /// Only while every volume is whole: a second loss would be one too many.
  Task<void> lost_disk() {
    VolumeHost* const host = any_volume();
    if (host == nullptr || lost_disks_++ > 0 || failed_disks_ > 0) co_return;
    const Busy busy(host->machine);
    const auto view = co_await w_.view();
    if (!view || !host->up()) co_return;
    const bool whole = view->jobs.empty() && std::ranges::all_of(view->volumes, [](const auto& v) {
                         return v.phase != "frozen" && v.copies_healthy >= v.copies_asked;
                       });
    if (!whole) co_return;
    co_await host->lose_disk();
    co_await w_.sleep(1s * rng_.below(5));
    co_await host->start();
  }

  Task<void> rot() {
    VolumeHost& host = *w_.volumes.front();
    const auto names = host.machine.disk.list("/volume");
    if (!names) co_return;
    std::vector<std::string> logs;
    for (const auto& name : *names) {
      if (name.ends_with(".dat")) logs.push_back("/volume/" + name);
    }
    if (logs.empty()) co_return;
    const std::string& path = logs[rng_.below(logs.size())];
    const auto content = host.machine.disk.content(path);
    if (!content || content->size() <= 4096) co_return;
    w_.trace("a bit of {} at {} flips", path, host.machine.name);
    host.machine.disk.flip_bit(path, 4096 + rng_.below(content->size() - 4096),
                               static_cast<unsigned>(rng_.below(8)));
  }

  // --- operators; in the operator's process

  Task<void> operate(Fault fault) {
    RpcMasterClient& masters = *w_.operator_host->masters;
    switch (fault) {
      case Fault::kDrain: {
        VolumeHost& host = *w_.volumes[rng_.below(w_.volumes.size())];
        const std::string id = host.node_id;
        w_.trace("{} is drained", host.machine.name);
        static_cast<void>(co_await masters.set_node_intent(id, NodeIntent::kDraining));
        co_await w_.sleep(while_());
        for (int i = 0; i < 20; ++i) {
          const auto back = co_await masters.set_node_intent(id, NodeIntent::kActive);
          if (back || back.error().code() == Errc::kNotFound) break;
          co_await w_.sleep(2s);
        }
        break;
      }
      case Fault::kMove: {
        const auto view = co_await masters.view();
        if (!view || view->volumes.empty()) break;
        const auto& volume = view->volumes[rng_.below(view->volumes.size())].location;
        const auto& to = view->nodes[rng_.below(view->nodes.size())].identity.node_id;
        const auto& from = volume.members[rng_.below(volume.members.size())].node_id;
        static_cast<void>(co_await masters.move_volume(volume.volume, from, to));
        break;
      }
      case Fault::kMasters:
        co_await change_masters(masters);
        break;
      case Fault::kPauseJobs:
        static_cast<void>(co_await masters.pause_jobs(true));
        co_await w_.sleep(while_());
        for (int i = 0; i < 20 && !co_await masters.pause_jobs(false); ++i) co_await w_.sleep(2s);
        break;
      default:
        break;
    }
  }

  Task<void> change_masters(RpcMasterClient& masters) {
    if (rng_.below(2) == 0) {
      static_cast<void>(co_await masters.transfer_leadership(1 + rng_.below(w_.masters.size())));
      co_return;
    }
    const auto view = co_await masters.view();
    if (!view) co_return;
    std::vector<std::uint64_t> outside;
    for (const auto& host : w_.masters) {
      const bool inside = std::ranges::any_of(
          view->masters, [&](const MasterView& member) { return member.id == host->id.value; });
      if (!inside) outside.push_back(host->id.value);
    }
    if (outside.empty()) {
      const std::uint64_t id = 1 + rng_.below(w_.masters.size());
      w_.trace("master {} is to be removed", id);
      static_cast<void>(co_await masters.remove_master(id));
    } else {
      w_.trace("master {} is to be added", outside.front());
      static_cast<void>(
          co_await masters.add_master(outside.front(), w_.master_addresses()[outside.front() - 1]));
    }
  }

  ClusterWorld& w_;
  Rng rng_;
  TaskGroup group_;
  std::vector<Fault> chosen_;
  std::chrono::milliseconds pause_{1000};
  int failed_disks_ = 0;
  int lost_disks_ = 0;
};

/// Who has no volume cannot know that the masters are not those that it knew.
bool all_have_volumes(const ClusterWorld& world) {
  return std::ranges::all_of(world.volumes, [](const auto& host) {
    const auto names = host->machine.disk.list("/volume").value_or(std::vector<std::string>());
    return std::ranges::any_of(names, [](const auto& name) { return name.ends_with(".dat"); });
  });
}

/// The masters lose everything: nobody may take their new, empty state for the cluster's.
Task<void> lose_masters(ClusterWorld& world) {
  world.trace("the masters lose their disks");
  for (const auto& host : world.masters) {
    co_await host->crash(false);
    for (const std::string dir : {"/master/raft", "/master"}) {
      for (const auto& name : host->machine.disk.list(dir).value_or(std::vector<std::string>())) {
        static_cast<void>(host->machine.disk.remove(dir + "/" + name));
      }
    }
  }
  world.history.forget_raft();
  for (const auto& host : world.masters) co_await host->start();
  co_await world.sleep(5s);
  world.clients.push_back(std::make_unique<ClientHost>(world, "newcomer"));
  ClientHost& client = *world.clients.back();
  client.start();
  for (int i = 0; i < 3; ++i) co_await world.on(client.machine, client.put(100));
}

Task<void> storm(ClusterWorld& world) {
  Rng rng(world.seed * 0x2545f4);
  co_await world.start_all();
  bool stop = false;
  for (const auto& client : world.clients) {
    for (int i = 0; i < 2; ++i) client->tasks->spawn(client->work(&stop));
  }
  {
    Storm faults(world, world.seed);
    co_await faults.run(std::chrono::seconds(20 + rng.below(20)));
  }
  stop = true;
  co_await world.converge();
  const bool sound = world.history.violations.empty();
  if (sound && rng.below(10) == 0 && all_have_volumes(world)) co_await lose_masters(world);
  co_await world.stop_all();
}

}  // namespace

ClusterOptions options_of(std::uint64_t seed) {
  Rng rng(seed * 0x9e3779);
  ClusterOptions options;
  options.volume_hosts = 4 + rng.below(2);
  options.copies = static_cast<std::uint8_t>(2 + rng.below(2));
  options.volume_size_limit = (32 + rng.below(200)) << 10;
  options.key_reserve = 8ULL << rng.below(5);
  options.lease_keys = static_cast<std::uint32_t>(2 + rng.below(7));
  options.balance_bytes = (8 + rng.below(100)) << 10;
  if (rng.below(2) == 0)
    options.raft_drop_per_million = static_cast<std::uint32_t>(rng.below(100'000));
  return options;
}

StormOutcome run_storm(std::uint64_t seed, bool tracing, StormSchemes schemes) {
  StormOutcome outcome;
  ClusterOptions options = options_of(seed);
  options.large = schemes.large;
  options.seal = schemes.seal;
  const std::uint32_t shards = std::max(schemes.large.shards(), schemes.seal.shards());
  if (shards > 0) options.volume_hosts = shards + 1;
  // So that volumes are full before the storm is over.
  if (schemes.seal) options.volume_size_limit = (16 + seed % 32) << 10;
  ClusterWorld world(seed, options);
  world.tracing = tracing;
  const MonoTime begin = world.context.now();
  world.context.run(storm(world));
  outcome.packed = world.packed_volumes.size();
  outcome.acks = world.history.acks();
  outcome.reads = world.history.reads();
  outcome.terms = world.history.terms();
  for (const auto& client : world.clients) outcome.refused += client->refused_puts;
  outcome.steps = world.context.steps();
  outcome.trace_hash = world.context.trace_hash();
  outcome.simulated_seconds = std::chrono::duration<double>(world.context.now() - begin).count();
  outcome.healed_seconds = std::chrono::duration<double>(world.healed_after).count();
  outcome.violations = world.history.violations;
  for (const std::string& line : world.lines) outcome.trace += line + "\n";
  return outcome;
}

}  // namespace kelp::test
