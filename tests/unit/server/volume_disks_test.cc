#include "server/volume_disks.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "async/runtime.h"
#include "base/log.h"
#include "client/cluster_volumes.h"
#include "client/rpc/rpc_channels.h"
#include "client/rpc/rpc_volume_node.h"
#include "crypto/random.h"
#include "crypto/uuid.h"
#include "os/posix_file_io.h"
#include "os/system_clock.h"
#include "tests/support/temp_dir.h"

namespace kelp::server {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

/// A machine with directories and no master that answers.
struct Machine {
  Machine() {
    (void)set_log_level("error");
    config.volume.listen = "127.0.0.1:0";
    config.threads.disk_threads = 2;
    config.threads.drain_grace = std::chrono::seconds(1);
  }
  ~Machine() {
    runtime.run(disks.close(clock.mono()));
    runtime.run(stop_channels());
  }
  Task<void> stop_channels() { co_await channels.stop(); }

  VolumeDiskPlace place(const std::string& name, bool made = true) {
    const std::string path = temp.path() + "/" + name;
    if (made) fs::create_directories(path);
    return {.path = path, .tags = {}, .reserve = 0, .port = 0, .listed = true};
  }
  Result<void> open(std::vector<VolumeDiskPlace> places) {
    Result<void> outcome;
    runtime.run(open_into(std::move(places), outcome));
    return outcome;
  }
  Task<void> open_into(std::vector<VolumeDiskPlace> places, Result<void>& outcome) {
    outcome = co_await disks.open(std::move(places));
  }
  void reload(std::vector<VolumeDiskPlace> places) { runtime.run(disks.reload(std::move(places))); }
  /// The node id in a directory.
  static std::string id_in(const VolumeDiskPlace& place) {
    std::ifstream file(place.path + "/volume/node_id");
    std::string id;
    std::getline(file, id);
    return id;
  }
  /// Waits until it is told that the directory has failed, or that it has not.
  void await_failed(const VolumeDiskPlace& place, int failed) {
    const std::string line =
        fmt::format("kelp_volume_disk_failed{{directory=\"{}\"}} {}", place.path, failed);
    while (metrics.text().find(line) == std::string::npos) std::this_thread::yield();
    EXPECT_EQ(disks.look().text.find(place.path + ": ") != std::string::npos, failed == 1);
  }
  std::size_t count() const {
    const std::string all = disks.addresses();
    return all.empty() ? 0 : static_cast<std::size_t>(std::ranges::count(all, ',')) + 1;
  }

  test::TempDir temp;
  std::unique_ptr<FileIo> io = make_posix_file_io();
  SystemClock clock;
  ClusterClock cluster_clock{clock};
  Config config;
  ClusterIdentity identity{random_uuid(), std::string(32, 's'), {}};
  Metrics metrics;
  std::unique_ptr<Network> network = make_tcp_network();
  std::unique_ptr<Timers> timers = make_asio_timers();
  Runtime runtime{1};
  std::unique_ptr<WorkPool> pool = make_thread_pool({.threads = 2});
  RpcWorld world{runtime.executor(0), *network, clock, *timers, random_bytes};
  RpcChannels channels{
      world, {runtime.executor(0)}, {.identity = {identity.cluster_id, identity.cluster_secret}}};
  RpcMasterClient masters{channels, {"127.0.0.1:1"}};
  RpcVolumeNodes nodes{channels};
  LocationCache locations{masters, masters, clock, *timers};
  ClusterVolumes everywhere{nodes, locations, clock, *timers, metrics};
  HttpFront front{runtime, config, metrics};
  VolumeDisks disks{VolumeDiskWorld{config,
                                    identity,
                                    *io,
                                    clock,
                                    cluster_clock,
                                    *timers,
                                    metrics,
                                    *pool,
                                    world,
                                    {runtime.executor(0)},
                                    masters,
                                    nodes,
                                    locations,
                                    everywhere,
                                    front}};
};

TEST(VolumeDisks, AreNodesOfTheirOwn) {
  Machine machine;
  const auto first = machine.place("a");
  const auto second = machine.place("b");
  ASSERT_TRUE(machine.open({first, second}).has_value());
  EXPECT_EQ(machine.count(), 2u);
  EXPECT_NE(Machine::id_in(first), Machine::id_in(second));
  EXPECT_EQ(machine.disks.look().text, "ready\n");
  EXPECT_THAT(machine.metrics.text(),
              HasSubstr("kelp_volume_syncs_total{directory=\"" + first.path + "\"} 0"));
}

TEST(VolumeDisks, HaveHttpOfTheirOwnThatGoesWithThem) {
  Machine machine;
  machine.config.volume.http_listen = "127.0.0.1:0";
  const auto first = machine.place("a");
  const auto second = machine.place("b");
  ASSERT_TRUE(machine.open({first, second}).has_value());
  EXPECT_EQ(std::ranges::count(machine.disks.http_addresses(), ','), 1);
  const std::string both = machine.disks.http_addresses();
  machine.reload({second});
  const std::string left = machine.disks.http_addresses();
  EXPECT_EQ(std::ranges::count(left, ':'), 1);
  EXPECT_TRUE(both.ends_with(left)) << both << " " << left;
  machine.reload({first, second});
  EXPECT_EQ(std::ranges::count(machine.disks.http_addresses(), ','), 1);
}

TEST(VolumeDisks, OneThatIsNotThereKeepsNoOtherFromWorking) {
  Machine machine;
  const auto there = machine.place("a");
  const auto missing = machine.place("b", false);
  ASSERT_TRUE(machine.open({missing, there}).has_value());
  EXPECT_EQ(machine.count(), 1u);
  EXPECT_TRUE(machine.disks.look().ready);
  EXPECT_THAT(machine.disks.look().text,
              HasSubstr(missing.path + " is not there: is its disk mounted?"));
  EXPECT_FALSE(fs::exists(missing.path)) << "what is not mounted must not be filled";
  EXPECT_THAT(machine.metrics.text(),
              HasSubstr("kelp_volume_disk_failed{directory=\"" + missing.path + "\"} 1"));
}

TEST(VolumeDisks, NoneAtAllIsAnErrorThatNamesEach) {
  Machine machine;
  const auto opened = machine.open({machine.place("a", false), machine.place("b", false)});
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().code(), Errc::kUnavailable);
  EXPECT_THAT(opened.error().detail(), HasSubstr("/a is not there"));
  EXPECT_THAT(opened.error().detail(), HasSubstr("/b is not there"));
}

TEST(VolumeDisks, OfAnotherClusterOrInUseAreRefusedAlone) {
  Machine machine;
  Machine other;
  const auto theirs = machine.place("theirs");
  const auto used = machine.place("used");
  ASSERT_TRUE(other.open({theirs}).has_value());
  ClusterIdentity same = machine.identity;
  ASSERT_TRUE(machine.open({machine.place("mine"), theirs}).has_value());
  EXPECT_THAT(machine.disks.look().text, HasSubstr(theirs.path + ": "));
  other.reload({});
  machine.reload({machine.place("mine"), theirs});
  EXPECT_THAT(machine.disks.look().text,
              HasSubstr("belongs to cluster " + other.identity.cluster_id));
  EXPECT_EQ(machine.count(), 1u);
}

TEST(VolumeDisks, AReloadTakesDisksInAndOutAndLeavesTheOthersAlone) {
  Machine machine;
  const auto a = machine.place("a");
  const auto b = machine.place("b");
  const auto c = machine.place("c");
  ASSERT_TRUE(machine.open({a, b}).has_value());
  const std::string before = machine.disks.addresses();
  const std::string a_address = before.substr(0, before.find(','));
  const std::string b_id = Machine::id_in(b);
  machine.reload({a, c});
  EXPECT_EQ(machine.count(), 2u);
  EXPECT_EQ(machine.disks.addresses().substr(0, a_address.size()), a_address) << "it listens on";
  EXPECT_TRUE(machine.io->lock_dir(b.path).has_value()) << "it is anybody's";
  machine.reload({a, b, c});
  EXPECT_EQ(machine.count(), 3u);
  EXPECT_EQ(Machine::id_in(b), b_id);
}

TEST(VolumeDisks, AFailedOneIsReplacedByWhatIsAtItsPathByThen) {
  Machine machine;
  const auto a = machine.place("a");
  const auto b = machine.place("b");
  ASSERT_TRUE(machine.open({a, b}).has_value());
  const std::string old_id = Machine::id_in(b);
  // Its disk is pulled out.
  fs::rename(b.path, b.path + ".out");
  machine.await_failed(b, 1);
  EXPECT_TRUE(machine.disks.look().ready) << "the other one goes on";
  // A reload before there is a new one changes nothing for the others.
  machine.reload({a, b});
  EXPECT_EQ(machine.count(), 1u);
  fs::create_directories(b.path);
  machine.reload({a, b});
  EXPECT_EQ(machine.disks.look().text, "ready\n");
  EXPECT_NE(Machine::id_in(b), old_id) << "an empty disk is a new node";
  machine.await_failed(b, 0);
  // And the old one back again.
  fs::rename(b.path, b.path + ".new");
  machine.await_failed(b, 1);
  fs::rename(b.path + ".out", b.path);
  machine.reload({a, b});
  EXPECT_EQ(machine.disks.look().text, "ready\n");
  EXPECT_EQ(Machine::id_in(b), old_id);
}

TEST(VolumeDisks, OneThatWasExchangedForAnotherIsNotWrittenTo) {
  Machine machine;
  const auto a = machine.place("a");
  const auto b = machine.place("b");
  ASSERT_TRUE(machine.open({a, b}).has_value());
  const std::string a_id = Machine::id_in(a);
  const std::string b_id = Machine::id_in(b);
  machine.reload({});
  EXPECT_EQ(machine.count(), 0u);
  machine.reload({a});
  fs::rename(a.path, a.path + ".out");
  fs::rename(b.path, a.path);
  machine.await_failed(a, 1);
  machine.reload({a});
  machine.await_failed(a, 0);
  EXPECT_EQ(Machine::id_in(a), b_id) << "it is that node now, here";
}

}  // namespace
}  // namespace kelp::server
