// RaftNode with everything around it in a simulated world: partitions, crashes, bad disks, changing
// members; nothing acknowledged is lost, reads are linearizable, everybody comes to the same state.
#include <fmt/format.h>

#include <cstdlib>

#include "tests/sim/lying_disk.h"
#include "tests/sim/raft_world.h"

namespace kelp::test {
namespace {

using namespace std::chrono_literals;
using raft::NodeId;

RaftHost& any_host(RaftWorld& w) {
  return *w.hosts[w.rng.below(w.hosts.size())];
}

Task<void> come_back_later(RaftWorld& w, RaftHost& host) {
  co_await w.sleep(std::chrono::milliseconds(w.rng.below(3000)));
  co_await host.start();
}

Task<void> change_members(RaftWorld& w) {
  RaftHost* const lead = w.leader();
  if (lead == nullptr) co_return;
  std::vector<NodeId> voters, learners;
  for (const auto& host : w.hosts) {
    const std::uint64_t what = w.rng.below(4);
    if (what <= 1) voters.push_back(host->id);
    if (what == 2) learners.push_back(host->id);
  }
  if (voters.empty()) co_return;
  static_cast<void>(co_await lead->node->change_members(voters, learners, w.in(3s)));
}

/// One bad thing.
Task<void> strike(RaftWorld& w) {
  RaftHost& host = any_host(w);
  switch (w.rng.below(14)) {
    case 0:
    case 1:
      co_await host.crash(w.rng.below(3) == 0);
      co_await come_back_later(w, host);
      break;
    case 2:
      if (RaftHost* const lead = w.leader()) {
        co_await lead->crash(w.rng.below(3) == 0);
        co_await come_back_later(w, *lead);
      }
      break;
    case 3:
      if (host.up()) host.disk.power_off_after(1 + w.rng.below(30));
      co_await w.sleep(1s);
      co_await host.crash(false);
      co_await host.start();
      break;
    case 4:
      if (host.up()) host.disk.fail_nth(w.rng.below(2) == 0 ? DiskOp::kWrite : DiskOp::kSync, 1);
      co_await w.sleep(1s);
      co_await host.crash(w.rng.below(2) == 0);
      co_await host.start();
      break;
    case 5:
      host.disk.set_faults({.capacity_bytes = 4096});
      co_await w.sleep(2s);
      host.disk.set_faults({});
      break;
    case 6:
      for (const auto& other : w.hosts) w.net.partition(host.name(), other->name());
      break;
    case 7:
      w.net.cut(host.name(), any_host(w).name());
      break;
    case 8:
      w.net.reset(host.name(), any_host(w).name());
      break;
    case 9:
      if (RaftHost* const lead = w.leader()) {
        static_cast<void>(co_await lead->node->transfer_leadership(host.id, w.in(3s)));
      }
      break;
    case 11:
    case 12: {
      RaftHost* const lead = w.leader();
      RaftHost& paused = lead != nullptr && w.rng.below(2) == 0 ? *lead : host;
      paused.gate.close();
      co_await w.sleep(std::chrono::milliseconds(w.rng.below(5000)));
      paused.gate.open();
      break;
    }
    case 10:
      if (w.hosts.size() > 3) co_await change_members(w);
      break;
    default:
      w.net.heal_all();
  }
}

Task<void> weather(RaftWorld& w, const bool* stop) {
  while (!*stop) {
    co_await w.sleep(std::chrono::milliseconds(w.rng.below(1500)));
    if (*stop) break;
    co_await strike(w);
    if (w.rng.below(3) == 0) w.net.heal_all();
  }
}

/// While a leader may be sure that it leads, nobody leads a later term.
Task<void> watch_leases(RaftWorld& w, const bool* stop) {
  while (!*stop) {
    co_await w.sleep(10ms);
    for (const auto& sure : w.hosts) {
      if (!sure->up() || !sure->node->holds_lease()) continue;
      ++w.history.leases;
      for (const auto& other : w.hosts) {
        if (!other->up()) continue;
        const raft::NodeStatus status = other->node->status();
        if (status.role != raft::Role::kLeader || status.term <= sure->node->status().term) {
          continue;
        }
        w.history.violated(fmt::format("{} holds the lease of term {}, but {} leads term {}",
                                       sure->name(), sure->node->status().term.value, other->name(),
                                       status.term.value));
      }
    }
  }
}

Task<void> storm(RaftWorld& w) {
  w.net.set_options({.max_latency = 10ms, .reset_per_million = 500});
  co_await w.start_all();
  bool stop = false;
  TaskGroup group(w.context.executor());
  for (std::uint64_t i = 1; i <= 3; ++i) group.spawn(raft_client(w, i, &stop));
  group.spawn(weather(w, &stop));
  group.spawn(watch_leases(w, &stop));
  co_await w.sleep(15s);
  stop = true;
  co_await group.join();
  co_await w.converge();
  co_await w.stop_all();
}

// A storm takes 50 ms, with AddressSanitizer two seconds.
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr std::uint64_t kStorms = 15;
constexpr std::uint64_t kLyingStorms = 6;
#else
constexpr std::uint64_t kStorms = 300;
constexpr std::uint64_t kLyingStorms = 20;
#endif

struct StormSum {
  std::uint64_t acks = 0;
  std::uint64_t reads = 0;
  std::uint64_t leaders = 0;
  std::uint64_t leases = 0;
  std::uint64_t restores = 0;
  std::uint64_t violations = 0;
  std::string first;
};

RaftWorldOptions storm_options(std::uint64_t seed) {
  Rng rng(seed * 31);
  RaftWorldOptions options;
  options.hosts = seed % 3 == 0 ? 5 : 3;
  options.voters = 3 + (options.hosts == 5 ? 2 * rng.below(2) : 0);
  options.snapshot_log_bytes = rng.below(3) == 0 ? 100'000 : 3000 + rng.below(5000);
  options.keep_entries = rng.below(3) * 10;
  options.log_segment_bytes = 800 + rng.below(4000);
  return options;
}

StormSum run_storms(std::uint64_t first, std::uint64_t count,
                    const std::function<void(RaftWorld&)>& prepare = {}) {
  StormSum sum;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    RaftWorld world(seed, storm_options(seed));
    if (prepare) prepare(world);
    world.context.run(storm(world));
    const RaftHistory& history = world.history;
    sum.acks += history.acks.size();
    sum.reads += history.reads;
    sum.leaders += history.leaders.size();
    sum.leases += history.leases;
    for (const auto& host : world.hosts) sum.restores += host->machine->restores();
    if (!history.violations.empty()) {
      if (sum.first.empty()) sum.first = fmt::format("seed {}: {}", seed, history.violations[0]);
      ++sum.violations;
      if (!prepare) {
        world.expect_no_violations();
        break;
      }
    }
  }
  return sum;
}

TEST(RaftStorm, NothingAcknowledgedIsLostAndReadsAreLinearizable) {
  const char* const rounds = std::getenv("KELP_ROUNDS");
  const char* const first = std::getenv("KELP_SEED");
  const StormSum sum = run_storms(first != nullptr ? std::stoull(first) : 1,
                                  rounds != nullptr ? std::stoull(rounds) : kStorms);
  if (rounds != nullptr || first != nullptr) {
    fmt::print("{} commands, {} reads, {} leaders, {} snapshots taken over, {} s of leases\n",
               sum.acks, sum.reads, sum.leaders, sum.restores, sum.leases / 100);
    return;
  }
  EXPECT_GT(sum.acks, 200 * kStorms);
  EXPECT_GT(sum.reads, 70 * kStorms);
  EXPECT_GT(sum.leaders, 2 * kStorms);
  EXPECT_GT(sum.leases, 200 * kStorms);
  EXPECT_GT(sum.restores, kStorms / 2);
}

std::uint64_t hash_of(std::uint64_t seed) {
  RaftWorld world(seed, storm_options(seed));
  world.context.run(storm(world));
  return world.context.trace_hash();
}
TEST(RaftStorm, AStormIsTheSameTwice) {
  EXPECT_EQ(hash_of(3), hash_of(3));
  EXPECT_NE(hash_of(3), hash_of(6));
}

TEST(RaftStorm, SeesDisksThatDoNotSyncFiles) {
  const auto prepare = [](RaftWorld& w) {
    for (auto& host : w.hosts)
      host->lying_io = std::make_unique<LyingDisk>(host->disk, true, false);
  };
  EXPECT_GT(run_storms(1, kLyingStorms, prepare).violations, kLyingStorms / 4);
}

TEST(RaftStorm, SeesDisksThatDoNotSyncDirectories) {
  const auto prepare = [](RaftWorld& w) {
    for (auto& host : w.hosts)
      host->lying_io = std::make_unique<LyingDisk>(host->disk, false, true);
  };
  EXPECT_GT(run_storms(1, kLyingStorms, prepare).violations, kLyingStorms / 4);
}

}  // namespace
}  // namespace kelp::test
