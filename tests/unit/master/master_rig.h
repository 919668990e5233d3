#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>

#include "base/log.h"
#include "master/master_service.h"
#include "tests/support/sim_context.h"
#include "tests/support/sim_disk.h"
#include "tests/unit/master/fakes.h"

namespace kelp::master {

/// A master's surroundings, which outlive its crashes: a world, a disk, volume servers.
struct Rig {
  explicit Rig(std::uint64_t seed = 1, int nodes = 1) : world(seed), disk({.seed = seed}) {
    (void)set_log_level("error");
    options.dir = "/m";
    options.cluster_id = "c";
    options.cluster_secret = "s";
    options.key_reserve = 100;
    options.placement.free_reserve_bytes = 0;
    for (int i = 1; i <= nodes; ++i) volumes.add(std::to_string(i));
  }
  ~Rig() {
    if (master != nullptr) world.run(stop());
    world.run_out();
  }

  /// Opens the master and lets it lead and hear the nodes.
  Task<Result<void>> start() {
    metrics = std::make_unique<Metrics>();
    MasterSeams seams{world.executor(), disk,      pool,     clock, timers,
                      volumes,          transport, *metrics, {}};
    KELP_CO_TRY(master, co_await MasterService::open(std::move(seams), options));
    KELP_CO_CHECK(co_await master->wait_until_leading(world.now() + std::chrono::seconds(30)));
    if (silent) co_return Result<void>();
    co_return co_await hear_all();
  }
  Task<void> stop() {
    if (master != nullptr) co_await master->stop();
    master.reset();
  }
  /// A full heartbeat of each node that is up.
  Task<Result<void>> hear_all() {
    for (const auto& [address, node] : volumes.all) {
      if (!node->up) continue;
      Heartbeat beat;
      beat.identity = {node->node.node_id, address, "default", "default", {}};
      beat.process = 7;
      beat.sequence = ++sequence;
      beat.full = true;
      beat.status = node->node;
      for (const auto& volume : beat.status.volumes) beat.volumes_hash += hash_of(volume);
      KELP_CO_CHECK(co_await master->heartbeat(std::move(beat)));
    }
    co_return Result<void>();
  }
  /// So many seconds pass, with heartbeats.
  Task<Result<void>> pass(int seconds) {
    for (int i = 0; i < seconds; ++i) {
      (void)co_await timers.sleep_until(world.now() + std::chrono::seconds(1));
      KELP_CO_CHECK(co_await hear_all());
    }
    co_return Result<void>();
  }

  Result<void> start_now() { return world.run(start()); }
  Result<WriteLease> lease_now(std::uint32_t keys, std::uint64_t bytes = 0) {
    LeaseRequest request;
    request.key_count = keys;
    request.bytes = bytes;
    return world.run(master->lease(std::move(request)));
  }
  test::FakeNode& node(int number = 1) { return *volumes.all.at(std::to_string(number)); }

  test::SimContext world;
  test::SimDisk disk;
  test::SimWorkPool pool{world};
  test::SimClock clock{world};
  test::SimTimers timers{world};
  test::NoTransport transport;
  test::FakeNodes volumes;
  std::unique_ptr<Metrics> metrics;
  MasterOptions options;
  std::unique_ptr<MasterService> master;
  std::uint64_t sequence = 0;
  bool silent = false;  ///< start() lets no node be heard.
};

}  // namespace kelp::master
