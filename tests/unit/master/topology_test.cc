#include "master/core/topology.h"

#include <gtest/gtest.h>

#include "tests/unit/master/house.h"

namespace kelp::master {
namespace {

using std::chrono::seconds;

const NodeNumber kFirst{1};

TEST(Topology, TakesDeltasAfterAFullHeartbeatAndProvesThatNothingElseChanged) {
  House house(1);
  const VolumeId volume = house.add_volume({1}, 100);
  Heartbeat delta = house.beats[kFirst];
  delta.full = false;
  ++delta.sequence;
  delta.status.volumes = {status_of(volume, Generation{1}, 200)};
  delta.volumes_hash = hash_of(delta.status.volumes[0]);
  EXPECT_FALSE(house.topology.take(kFirst, delta, house.now)->send_full);
  EXPECT_EQ(house.topology.find(kFirst)->find(volume)->file_bytes, 200U);

  ++delta.sequence;
  delta.status.volumes.clear();
  delta.gone = {volume};
  delta.volumes_hash = 0;
  EXPECT_FALSE(house.topology.take(kFirst, delta, house.now)->send_full);
  EXPECT_EQ(house.topology.find(kFirst)->find(volume), nullptr);
}

TEST(Topology, AsksForAllAfterAGapOrWhenTheHashDiffers) {
  House house(1);
  house.add_volume({1});
  Heartbeat delta = house.beats[kFirst];
  delta.full = false;
  delta.status.volumes.clear();
  delta.sequence += 2;
  EXPECT_TRUE(house.topology.take(kFirst, delta, house.now)->send_full);
  EXPECT_FALSE(house.topology.alive(kFirst, house.now)) << "what it has is not known";
  house.beats[kFirst].sequence = delta.sequence;
  house.hear(kFirst);
  EXPECT_TRUE(house.topology.alive(kFirst, house.now));

  delta.sequence = house.beats[kFirst].sequence + 1;
  delta.volumes_hash = 12345;
  EXPECT_TRUE(house.topology.take(kFirst, delta, house.now)->send_full);
}

TEST(Topology, SuspectsEarlyAndBuriesLate) {
  House house(2);
  house.pass(seconds(4), 1);
  EXPECT_FALSE(house.topology.alive(kFirst, house.now));
  EXPECT_FALSE(house.topology.dead(kFirst, house.now));
  house.pass(seconds(30), 1);
  EXPECT_TRUE(house.topology.dead(kFirst, house.now));
  EXPECT_TRUE(house.topology.alive(NodeNumber{2}, house.now));
}

TEST(Topology, BelievesNobodyDeadBeforeItHasListenedLongEnough) {
  House house(1);
  house.topology.reset(house.now);
  EXPECT_FALSE(house.topology.dead(kFirst, house.now + seconds(29)));
  EXPECT_TRUE(house.topology.dead(kFirst, house.now + seconds(31)));
}

// A server that lost its disk is another node, at the address of the one that it was.
TEST(Topology, CountsWhoStandsAtAnAddressOnce) {
  House house(2);
  Heartbeat reborn = house.beats[kFirst];
  reborn.identity.node_id = "another";
  reborn.process = 99;
  ASSERT_TRUE(house.topology.take(NodeNumber{3}, reborn, house.now).has_value());
  EXPECT_TRUE(house.topology.alive(NodeNumber{3}, house.now));
  EXPECT_FALSE(house.topology.alive(kFirst, house.now));
  EXPECT_TRUE(house.topology.alive(NodeNumber{2}, house.now));
}

TEST(Topology, RefusesASecondProcessWithTheSameIdUntilTheFirstIsSilent) {
  House house(1);
  Heartbeat twin = house.beats[kFirst];
  twin.process = 99;
  const auto refused = house.topology.take(kFirst, twin, house.now + seconds(1));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), Errc::kConflict);
  EXPECT_TRUE(house.topology.take(kFirst, twin, house.now + seconds(4)).has_value());
}

TEST(Topology, BelievesALateWordOfAServerThatLostItsDiskOnlyUntilTheNextOneOfItsHeir) {
  House house(2);
  const NodeNumber heir{2};
  house.beats[heir].identity.address = house.beats[kFirst].identity.address;
  house.hear(heir);
  EXPECT_FALSE(house.topology.alive(kFirst, house.now));
  house.hear(kFirst);
  EXPECT_FALSE(house.topology.alive(heir, house.now)) << "only one of them is there";
  house.hear(heir);
  EXPECT_TRUE(house.topology.alive(heir, house.now));
  EXPECT_FALSE(house.topology.alive(kFirst, house.now));
}

TEST(Topology, HoldsAnIdToItsAddressWhileTheOneThereMayBeAlive) {
  House house(1);
  Heartbeat copied = house.beats[kFirst];
  const std::string registered = copied.identity.address;
  copied.identity.address = "elsewhere:1";
  copied.process = 99;
  const auto check = [&](const Heartbeat& beat, seconds later) {
    return house.topology.check_single(kFirst, beat, registered, house.now + later);
  };
  EXPECT_EQ(check(copied, seconds(1)).error().code(), Errc::kConflict);
  EXPECT_TRUE(check(copied, seconds(4)).has_value()) << "the first one is gone: it moved";
  // A new leader has heard nobody: who is where it always was goes before who is not.
  house.topology.reset(house.now);
  EXPECT_EQ(check(copied, seconds(1)).error().code(), Errc::kConflict);
  EXPECT_TRUE(check(house.beats[kFirst], seconds(1)).has_value());
  EXPECT_TRUE(check(copied, seconds(4)).has_value());
}

/// Half a second later every node says how long its disk takes.
void hear_disks(House& house, std::initializer_list<std::uint64_t> milliseconds) {
  std::uint32_t number = 0;
  house.now += std::chrono::milliseconds(500);
  for (const std::uint64_t each : milliseconds) {
    const NodeNumber node{++number};
    house.beats[node].status.write_micros = each * 1000;
    house.hear(node);
  }
}

TEST(Topology, CallsADiskSlowThatIsMuchSlowerThanTheOthers) {
  House house(4);
  const auto slow = [&house](std::uint32_t node) {
    return house.topology.slow(NodeNumber{node}, house.now);
  };
  hear_disks(house, {2, 3, 2, 2});
  EXPECT_FALSE(house.topology.any_slow(house.now));
  hear_disks(house, {2, 300, 2, 2});
  hear_disks(house, {2, 300, 2, 2});
  EXPECT_FALSE(slow(2)) << "half a second is not enough";
  hear_disks(house, {2, 300, 2, 2});
  EXPECT_TRUE(slow(2));
  EXPECT_FALSE(slow(1) || slow(3) || slow(4));
  house.now += seconds(13);
  hear_disks(house, {2, 3, 2, 2});
  EXPECT_TRUE(slow(2)) << "it may come back";
  house.now += seconds(1);
  hear_disks(house, {2, 3, 2, 2});
  EXPECT_FALSE(slow(2));
}

TEST(Topology, CallsNoDiskSlowThatIsQuickEnoughOrLikeTheOthers) {
  House house(4);
  for (int i = 0; i < 3; ++i) hear_disks(house, {1, 49, 1, 1});
  EXPECT_FALSE(house.topology.any_slow(house.now)) << "49 ms are no harm";
  for (int i = 0; i < 3; ++i) hear_disks(house, {300, 900, 400, 300});
  EXPECT_FALSE(house.topology.any_slow(house.now)) << "all are slow";
  House alone(1);
  for (int i = 0; i < 3; ++i) hear_disks(alone, {5000});
  EXPECT_FALSE(alone.topology.any_slow(alone.now));
}

TEST(Topology, GivesAFlappingNodeNoNewDataUntilItHoldsStill) {
  House house(1);
  for (int i = 0; i < 3; ++i) {
    house.now += seconds(5);
    house.hear(kFirst);
  }
  EXPECT_TRUE(house.topology.alive(kFirst, house.now));
  EXPECT_FALSE(house.topology.steady(kFirst, house.now));
  house.pass(seconds(60));
  EXPECT_TRUE(house.topology.steady(kFirst, house.now));
}

TEST(Topology, TrustsOnlyTheGenerationThatWasDecided) {
  House house(1);
  const VolumeId volume = house.add_volume({1});
  VolumeRecord record = house.state.volumes.at(volume);
  EXPECT_NE(house.topology.trusted(kFirst, volume, record, house.now), nullptr);
  record.generation = Generation{2};
  EXPECT_EQ(house.topology.trusted(kFirst, volume, record, house.now), nullptr);
}

TEST(Topology, KeepsAMillionCopiesInFewBytes) {
  static_assert(sizeof(ObservedCopy) <= 40);
}

}  // namespace
}  // namespace kelp::master
