#include "master/master_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/unit/master/master_rig.h"
#include "wire/collections.h"
#include "wire/lease_token.h"

namespace kelp::master {
namespace {

using testing::HasSubstr;

TEST(MasterService, LeasesRisingKeysWithATokenForThem) {
  Rig rig;
  ASSERT_TRUE(rig.start_now().has_value());
  const auto first = rig.lease_now(10, 5);
  const auto second = rig.lease_now(10, 5);
  ASSERT_TRUE(first.has_value() && second.has_value());
  EXPECT_EQ(second->first_key.value, first->first_key.value + 10);
  EXPECT_EQ(first->volume, second->volume);
  EXPECT_EQ(first->bytes, 5u);
  EXPECT_EQ(first->members.at(0).node_id, "node-1");
  const FileId fid{first->volume, first->first_key, Cookie{1}};
  const WallTime now = rig.clock.wall();
  EXPECT_TRUE(verify_lease("s", first->token, fid, first->generation, now).has_value());
  EXPECT_FALSE(verify_lease("s", second->token, fid, first->generation, now).has_value());
  EXPECT_EQ(rig.node().creations, 1);
}

TEST(MasterService, WritesItsLogOncePerReserve) {
  Rig rig;
  ASSERT_TRUE(rig.start_now().has_value());
  ASSERT_TRUE(rig.lease_now(1).has_value());
  const auto before = rig.disk.changes();
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(rig.lease_now(1).has_value());
  EXPECT_EQ(rig.disk.changes(), before);
}

TEST(MasterService, RefusesForeignCountsOfKeys) {
  Rig rig;
  ASSERT_TRUE(rig.start_now().has_value());
  EXPECT_EQ(rig.lease_now(0).error().code(), Errc::kInvalidArgument);
  EXPECT_EQ(rig.lease_now(101).error().code(), Errc::kInvalidArgument);
  EXPECT_TRUE(rig.lease_now(100).has_value());
}

TEST(MasterService, LeasesKeysAloneForWhatLiesInARemote) {
  Rig rig(1, 0);  // No volume server at all: no room, and no volume.
  ASSERT_TRUE(rig.start_now().has_value());
  LeaseRequest request{.key_count = 30, .collection = std::string(kRemoteCollection)};
  const auto first = rig.world.run(rig.master->lease(request));
  ASSERT_TRUE(first.has_value()) << first.error().message();
  EXPECT_EQ(first->key_count, 30U);
  EXPECT_TRUE(first->token.empty()) << "no volume takes anything by it";
  EXPECT_TRUE(first->members.empty());
  EXPECT_GT(first->lifetime, std::chrono::minutes(1));
  request.key_count = 90;  // More than is left of the block.
  const auto second = rig.world.run(rig.master->lease(request));
  ASSERT_TRUE(second.has_value());
  EXPECT_GE(second->first_key.value, first->first_key.value + 30);
  EXPECT_FALSE(rig.lease_now(1).has_value()) << "there is no room for others";
}

TEST(MasterService, LocatesWhatItMade) {
  Rig rig;
  ASSERT_TRUE(rig.start_now().has_value());
  EXPECT_EQ(rig.world.run(rig.master->locate(VolumeId{1})).error().code(), Errc::kNotFound);
  const auto taken = rig.lease_now(1);
  const auto found = rig.world.run(rig.master->locate(taken->volume));
  ASSERT_TRUE(found.has_value());
  EXPECT_TRUE(found->writable);
  EXPECT_EQ(found->generation, taken->generation);
}

// A master that lags, or was never added, would hide volumes that are there.
TEST(MasterService, OnlyTheLeaderSaysThatAVolumeWasNeverMade) {
  Rig rig;
  rig.options.join = true;
  rig.metrics = std::make_unique<Metrics>();
  MasterSeams seams{rig.world.executor(), rig.disk,      rig.pool,     rig.clock, rig.timers,
                    rig.volumes,          rig.transport, *rig.metrics, {}};
  auto opened = rig.world.run(MasterService::open(std::move(seams), rig.options));
  ASSERT_TRUE(opened.has_value());
  rig.master = *std::move(opened);
  const auto found = rig.world.run(rig.master->locate(VolumeId{1}));
  ASSERT_FALSE(found.has_value());
  EXPECT_EQ(found.error().reason(), Reason::kNotLeader);
}

TEST(MasterService, TellsFollowersOfLocationsOnlyWhatChanged) {
  Rig rig;
  ASSERT_TRUE(rig.start_now().has_value());
  const auto taken = rig.lease_now(1);
  const MonoTime later = rig.world.now() + std::chrono::seconds(5);
  const auto all = rig.world.run(rig.master->watch_locations(0, later));
  ASSERT_TRUE(all.has_value());
  ASSERT_EQ(all->volumes.size(), 1U);
  EXPECT_EQ(all->volumes[0].volume, taken->volume);
  const auto none = rig.world.run(rig.master->watch_locations(all->sequence, later));
  EXPECT_EQ(none->sequence, all->sequence);
  EXPECT_TRUE(none->volumes.empty());
  EXPECT_GE(rig.world.now(), later);
}

TEST(MasterService, SealsAFullVolumeAndStartsTheNext) {
  Rig rig;
  rig.options.placement.volume_size_limit = 10'000;
  ASSERT_TRUE(rig.start_now().has_value());
  const auto first = rig.lease_now(1);
  rig.node().find(first->volume)->file_bytes = 10'000;
  ASSERT_TRUE(rig.world.run(rig.hear_all()).has_value());
  const auto second = rig.lease_now(1);
  ASSERT_TRUE(second.has_value()) << second.error().message();
  EXPECT_NE(first->volume, second->volume);
  EXPECT_FALSE(rig.world.run(rig.master->locate(first->volume))->writable);
  rig.world.run(rig.stop());
  ASSERT_TRUE(rig.start_now().has_value());
  EXPECT_EQ(rig.lease_now(1)->volume, second->volume);
}

TEST(MasterService, GivesReleasedRoomToOthers) {
  Rig rig;
  rig.node().node.free_bytes = 1000;
  ASSERT_TRUE(rig.start_now().has_value());
  const auto first = rig.lease_now(1, 1000);
  ASSERT_TRUE(first.has_value()) << first.error().message();
  EXPECT_EQ(rig.lease_now(1, 1).error().code(), Errc::kNoSpace);
  EXPECT_TRUE(rig.world.run(rig.master->release(first->volume, 400)).has_value());
  EXPECT_TRUE(rig.lease_now(1, 400).has_value());
  EXPECT_FALSE(rig.lease_now(1, 1).has_value());
  ASSERT_TRUE(rig.world.run(rig.pass(601)).has_value());
  EXPECT_TRUE(rig.lease_now(1, 1000).has_value());
}

TEST(MasterService, MakesAnotherVolumeForWhoExcludesTheOneThereIs) {
  Rig rig;
  ASSERT_TRUE(rig.start_now().has_value());
  const VolumeId first = rig.lease_now(1)->volume;
  LeaseRequest request;
  request.key_count = 1;
  request.exclude = {first};
  const auto other = rig.world.run(rig.master->lease(std::move(request)));
  ASSERT_TRUE(other.has_value()) << other.error().message();
  EXPECT_NE(other->volume, first);
}

TEST(MasterService, GoesOnMakingVolumesAfterACallThatNobodyHereCancelled) {
  Rig rig;
  ASSERT_TRUE(rig.start_now().has_value());
  rig.node().down = Errc::kCancelled;
  rig.node().up = false;
  EXPECT_FALSE(rig.lease_now(1).has_value());
  rig.node().up = true;
  EXPECT_TRUE(rig.lease_now(1).has_value());
}

TEST(MasterService, TakesAnotherSetWhenAVolumeCannotBeMade) {
  Rig rig(1, 2);
  ASSERT_TRUE(rig.start_now().has_value());
  for (int dead = 1; dead <= 2; ++dead) {
    rig.node(dead).up = false;
    const auto taken = rig.lease_now(1);
    rig.node(dead).up = true;
    ASSERT_TRUE(taken.has_value()) << taken.error().message();
    EXPECT_NE(taken->members.at(0).node_id, "node-" + std::to_string(dead));
    ASSERT_TRUE(rig.world.run(rig.pass(1)).has_value());
    // So that the next one needs a volume of its own.
    rig.options.placement.volume_size_limit = 1;
    rig.world.run(rig.stop());
    ASSERT_TRUE(rig.start_now().has_value());
  }
}

TEST(MasterService, RefusesANodeWithVolumesThatItNeverMade) {
  Rig rig;
  VolumeStatus strange;
  strange.volume = VolumeId{1};
  strange.generation = Generation{1};
  rig.node().node.volumes.push_back(strange);
  const auto refused = rig.start_now();
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), Errc::kCorruption);
  EXPECT_THAT(refused.error().detail(), HasSubstr("the masters' state was lost"));
}

TEST(MasterService, LeavesANodeWhereItIsWhenACopyOfItsDiskIsHeard) {
  Rig rig;
  ASSERT_TRUE(rig.start_now().has_value());
  const auto taken = rig.lease_now(1);
  ASSERT_TRUE(taken.has_value());
  Heartbeat copied;
  copied.identity = {rig.node().node.node_id, "9", "default", "default", {}};
  copied.process = 99;
  copied.full = true;
  const auto refused = rig.world.run(rig.master->heartbeat(copied));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), Errc::kConflict);
  EXPECT_THAT(refused.error().detail(), HasSubstr("two servers have the same id"));
  EXPECT_EQ(rig.world.run(rig.master->locate(taken->volume))->members.at(0).address, "1");
}

TEST(MasterService, DatesLeasesAsIfNobodyHadSetItsClock) {
  Rig rig;
  ASSERT_TRUE(rig.start_now().has_value());
  const WallTime begin = rig.clock.wall();
  for (const std::chrono::hours jump : {std::chrono::hours(-24), std::chrono::hours(24)}) {
    rig.clock.set_skew(jump);
    const auto lease = rig.lease_now(1);
    ASSERT_TRUE(lease.has_value());
    EXPECT_GE(lease->expires, begin + rig.options.lease_time);
    EXPECT_LT(lease->expires, begin + rig.options.lease_time + std::chrono::hours(1));
  }
}

/// What node `number` is told when its disk takes so long for a write.
HeartbeatAnswer hear_disk(Rig& rig, int number, std::uint64_t write_micros) {
  Heartbeat beat;
  const std::string address = std::to_string(number);
  beat.identity = {rig.node(number).node.node_id, address, "default", "default", {}};
  beat.process = 7;
  beat.sequence = ++rig.sequence;
  beat.full = true;
  beat.status = rig.node(number).node;
  beat.status.write_micros = write_micros;
  return *rig.world.run(rig.master->heartbeat(std::move(beat)));
}

TEST(MasterService, TellsNodesTheTimeAndASlowOneToTakeNoNeedles) {
  Rig rig(1, 3);
  ASSERT_TRUE(rig.start_now().has_value());
  const auto hear = [&rig](int number, std::uint64_t write_micros) {
    return hear_disk(rig, number, write_micros);
  };
  const HeartbeatAnswer first = hear(1, 3'000);
  EXPECT_EQ(first.now, rig.clock.wall());
  rig.clock.set_skew(std::chrono::hours(-24));
  EXPECT_GE(hear(1, 3'000).now, first.now);
  EXPECT_FALSE(hear(2, 3'000).refuse_needles);
  EXPECT_FALSE(hear(3, 300'000).refuse_needles);
  (void)rig.world.run(rig.timers.sleep_until(rig.world.now() + std::chrono::seconds(1)));
  EXPECT_TRUE(hear(3, 300'000).refuse_needles);
  const ClusterView view = *rig.world.run(rig.master->view());
  EXPECT_FALSE(view.nodes.at(0).slow);
  EXPECT_TRUE(view.nodes.at(2).slow);
  EXPECT_EQ(view.nodes.at(2).write_micros, 300'000U);
}

TEST(MasterService, LetsASlowNodeTakeNeedlesThatHaveNoOtherPlace) {
  for (const std::uint8_t parity : {std::uint8_t{1}, std::uint8_t{2}}) {
    Rig rig(1, 4);
    rig.options.placement.standard.large = {.data = 2, .parity = parity};
    ASSERT_TRUE(rig.start_now().has_value());
    for (int number = 1; number <= 3; ++number) (void)hear_disk(rig, number, 3'000);
    (void)hear_disk(rig, 4, 300'000);
    (void)rig.world.run(rig.timers.sleep_until(rig.world.now() + std::chrono::seconds(1)));
    EXPECT_EQ(hear_disk(rig, 4, 300'000).refuse_needles, parity == 1) << "ec(2,2) needs all four";
  }
}

TEST(MasterService, RefusesAnotherClustersLog) {
  Rig rig;
  ASSERT_TRUE(rig.start_now().has_value());
  rig.world.run(rig.stop());
  rig.options.cluster_id = "d";
  EXPECT_EQ(rig.start_now().error().code(), Errc::kPrecondition);
}

TEST(MasterService, TakesOverTheStateOfAnOlderKelp) {
  Rig rig;
  MasterState old;
  old.cluster_id = "c";
  old.key_mark = NeedleKey{5000};
  old.next_volume = VolumeId{3};
  ASSERT_TRUE(rig.disk.make_dirs("/m").has_value());
  ASSERT_TRUE(write_file_atomically(rig.disk, "/m/state", encode_state(old)).has_value());
  ASSERT_TRUE(rig.start_now().has_value());
  const auto taken = rig.lease_now(1);
  ASSERT_TRUE(taken.has_value()) << taken.error().message();
  EXPECT_GE(taken->first_key, NeedleKey{5000});
  EXPECT_EQ(taken->volume, VolumeId{3});
}

TEST(MasterService, NamesTheKeysThatAreTooOldToBeCommitted) {
  Rig rig;
  ASSERT_TRUE(rig.start_now().has_value());
  const auto first = rig.lease_now(1);
  ASSERT_TRUE(first.has_value());
  EXPECT_LE(*rig.world.run(rig.master->key_floor()), first->first_key);
  rig.world.run_for(std::chrono::hours(30));
  ASSERT_TRUE(rig.world.run(rig.hear_all()).has_value());
  const auto second = rig.lease_now(1);
  ASSERT_TRUE(second.has_value()) << second.error().message();
  const NeedleKey floor = *rig.world.run(rig.master->key_floor());
  EXPECT_GT(floor, first->first_key);
  EXPECT_LE(floor, second->first_key);
}

TEST(MasterService, CountsTheGatewaysThatItHears) {
  Rig rig;
  ASSERT_TRUE(rig.start_now().has_value());
  const auto count = [&rig](std::uint64_t gateway) {
    return rig.world.run(rig.master->count_gateway(gateway)).value_or(99);
  };
  EXPECT_EQ(count(1), 0U) << "others may not have been heard yet";
  rig.world.run_for(std::chrono::seconds(10));
  EXPECT_EQ(count(1), 1U);
  EXPECT_EQ(count(2), 2U);
  rig.world.run_for(std::chrono::seconds(6));
  EXPECT_EQ(count(1), 2U);
  rig.world.run_for(std::chrono::seconds(6));
  EXPECT_EQ(count(1), 1U) << "the other one is silent";
  rig.world.run(rig.stop());
  ASSERT_TRUE(rig.start_now().has_value());
  EXPECT_EQ(count(1), 0U) << "a new leader has heard nobody";
}

TEST(MasterService, TakesTheKeysThatItLeasesWhenItsWallClockJumps) {
  Rig rig;
  ASSERT_TRUE(rig.start_now().has_value());
  const auto before = rig.lease_now(1);
  ASSERT_TRUE(before.has_value());
  rig.clock.set_skew(std::chrono::hours(24 * 30));
  const auto after = rig.lease_now(1);
  ASSERT_TRUE(after.has_value()) << after.error().message();
  const NeedleKey floor = *rig.world.run(rig.master->key_floor());
  EXPECT_LE(floor, before->first_key);
  EXPECT_LE(floor, after->first_key);
}

Task<Result<WriteLease>> lease_when_heard(Rig& rig, bool& answered) {
  LeaseRequest request;
  request.key_count = 1;
  auto lease = co_await rig.master->lease(std::move(request));
  answered = true;
  co_return lease;
}

Task<void> a_new_leader_hears_late(Rig& rig) {
  bool answered = false;
  TaskGroup group(rig.world.executor());
  Result<WriteLease> lease = Error(Errc::kUnavailable, "not answered");
  auto ask = [](Rig& here, bool& done, Result<WriteLease>& taken) -> Task<void> {
    taken = co_await lease_when_heard(here, done);
  };
  group.spawn(ask(rig, answered, lease));
  (void)co_await rig.timers.sleep_until(rig.world.now() + std::chrono::milliseconds(1500));
  EXPECT_FALSE(answered);
  EXPECT_TRUE((co_await rig.hear_all()).has_value());
  co_await group.join();
  EXPECT_TRUE(lease.has_value()) << lease.error().message();
}

TEST(MasterService, ANewLeaderWaitsForNodesThatWereNotHeardYet) {
  Rig rig;
  ASSERT_TRUE(rig.start_now().has_value());
  ASSERT_TRUE(rig.lease_now(1).has_value());
  rig.world.run(rig.stop());
  rig.silent = true;
  ASSERT_TRUE(rig.start_now().has_value());
  rig.silent = false;
  rig.world.run(a_new_leader_hears_late(rig));
}

TEST(MasterService, ANewLeaderRefusesWhenNobodyIsHeardInTime) {
  Rig rig;
  ASSERT_TRUE(rig.start_now().has_value());
  ASSERT_TRUE(rig.lease_now(1).has_value());
  rig.world.run(rig.stop());
  rig.silent = true;
  ASSERT_TRUE(rig.start_now().has_value());
  const MonoTime begin = rig.world.now();
  EXPECT_EQ(rig.lease_now(1).error().code(), Errc::kUnavailable);
  EXPECT_LE(rig.world.now() - begin, rig.options.liveness.suspect_after + std::chrono::seconds(2));
}

// What one life of a master does: leases until the power fails or the work is done.
void live(Rig& rig, std::set<std::uint64_t>& issued) {
  if (!rig.start_now().has_value()) return;
  for (int i = 0; i < 12; ++i) {
    const auto taken = rig.lease_now(30);
    if (!taken.has_value()) break;
    for (std::uint32_t k = 0; k < taken->key_count; ++k) {
      EXPECT_TRUE(issued.insert(taken->first_key.value + k).second)
          << "key " << taken->first_key.value + k << " was leased twice";
    }
    EXPECT_NE(rig.node().find(taken->volume), nullptr);
    if (i % 4 == 3) rig.node().find(taken->volume)->file_bytes = 100'000;
    if (!rig.world.run(rig.hear_all()).has_value()) break;
  }
}

TEST(MasterService, NeverLeasesAKeyAgainWhereverThePowerFails) {
  for (std::uint64_t operation = 1; operation <= 60; ++operation) {
    SCOPED_TRACE(testing::Message() << "operation " << operation);
    Rig rig(operation);
    rig.options.placement.volume_size_limit = 50'000;
    Rng rng(operation);
    std::set<std::uint64_t> issued;
    for (int crash = 0; crash < 3; ++crash) {
      rig.disk.power_off_after(operation);
      live(rig, issued);
      rig.world.run(rig.stop());
      rig.disk.crash(rng);
    }
    live(rig, issued);
    EXPECT_GE(issued.size(), 360u);
    std::set<VolumeId> ids;
    for (const auto& volume : rig.node().node.volumes) {
      EXPECT_TRUE(ids.insert(volume.volume).second);
    }
  }
}

}  // namespace
}  // namespace kelp::master
