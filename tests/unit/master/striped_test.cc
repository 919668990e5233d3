// Volumes whose needles lie in shards: where they are placed, how they are written down, how a lost
// shard gets a new home.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/encoding.h"
#include "ec/layout.h"
#include "tests/support/golden.h"
#include "tests/unit/master/house.h"
#include "tests/unit/master/master_rig.h"

namespace kelp::master {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;

constexpr EcScheme kTwoTwo{.data = 2, .parity = 2};

VolumeRecord striped(EcScheme scheme, const std::vector<std::uint32_t>& members) {
  VolumeRecord record;
  record.generation = Generation{1};
  record.scheme = scheme;
  for (const auto member : members) {
    record.shards.push_back(static_cast<std::uint8_t>(record.members.size()));
    record.members.emplace_back(member);
  }
  return record;
}

/// A writable volume of ec(2,2) that its members have.
VolumeId add_striped(House& house, const std::vector<std::uint32_t>& members) {
  const VolumeId id = house.state.next_volume;
  house.apply(CreateVolume{id, striped(kTwoTwo, members)});
  house.apply(ActivateVolume{id});
  for (const auto member : members) {
    house.beats[NodeNumber{member}].status.volumes.push_back(status_of(id, Generation{1}, 4096));
    house.hear(NodeNumber{member});
  }
  return id;
}

std::vector<StartJob> repairs(const House& house) {
  return plan_repairs(house.view(), Survey(house.view()), house.plan);
}

// --- state

MasterState state_with_shards() {
  MasterState state;
  state.cluster_id = "7d444840-9dc0-11d1-b245-5ffdce74fad2";
  for (int i = 1; i <= 5; ++i) {
    const NodeIdentity node{"node-" + std::to_string(i), "10.0.0.1:18080", "dc1", "rack1", {}};
    EXPECT_TRUE(apply_command(state, RegisterNode{node}).has_value());
  }
  EXPECT_TRUE(
      apply_command(state, CreateVolume{VolumeId{1}, striped(kTwoTwo, {4, 2, 1, 3})}).has_value());
  EXPECT_TRUE(apply_command(state, ActivateVolume{VolumeId{1}}).has_value());
  return state;
}

TEST(StripedState, IsWrittenAsTheFormatSaysAndReadAgain) {
  const MasterState state = state_with_shards();
  const std::string bytes = encode_state(state);
  EXPECT_EQ(hex_encode(bytes), test::golden("master-state-v3.hex"));
  const auto read = decode_state(bytes);
  ASSERT_TRUE(read.has_value()) << read.error().message();
  EXPECT_EQ(*read, state);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_state(bytes.substr(0, size)).has_value()) << size;
  }
}

TEST(StripedState, StaysInTheFormatOfTheVersionBeforeAsLongAsThereIsNoScheme) {
  House house(2, 2);
  house.add_volume({1, 2});
  EXPECT_EQ(encode_state(house.state)[4], 2);
  EXPECT_EQ(encode_state(state_with_shards())[4], 3);
  VolumeRecord copies;
  copies.members = {NodeNumber{1}};
  EXPECT_EQ(encode_command(CreateVolume{VolumeId{1}, copies})[0], 2);
  const Command command = CreateVolume{VolumeId{1}, striped(kTwoTwo, {1, 2, 3, 4})};
  EXPECT_EQ(encode_command(command)[0], 3);
  EXPECT_TRUE(decode_command(encode_command(command)).value() == command);
}

TEST(StripedCommands, MakeNoVolumeThatLacksAShardOrHasOneTwice) {
  MasterState state = state_with_shards();
  const auto made = [&state](VolumeRecord record) {
    return apply_command(state, CreateVolume{state.next_volume, std::move(record)}).has_value();
  };
  VolumeRecord twice = striped(kTwoTwo, {1, 2, 3, 4});
  twice.shards[1] = 0;
  EXPECT_FALSE(made(twice));
  EXPECT_FALSE(made(striped(kTwoTwo, {1, 2, 3})));
  EXPECT_FALSE(made(striped(kTwoTwo, {1, 2, 3, 4, 5})));
  EXPECT_FALSE(made(striped({.data = 1, .parity = 3}, {1, 2, 3, 4})));
  VolumeRecord numbers_without_scheme = striped(kTwoTwo, {1, 2, 3, 4});
  numbers_without_scheme.scheme = {};
  EXPECT_FALSE(made(numbers_without_scheme));
  EXPECT_TRUE(made(striped(kTwoTwo, {1, 2, 3, 4})));
}

TEST(StripedCommands, GiveTheReplacementTheShardThatWasLost) {
  MasterState state = state_with_shards();  // shards 0 to 3 on nodes 4, 2, 1, 3
  const StartJob start{
      {JobKind::kRepair, JobStep::kFreeze, VolumeId{1}, std::nullopt, NodeNumber{5}},
      Generation{1},
      {NodeNumber{2}}};
  ASSERT_TRUE(apply_command(state, start).has_value());
  ASSERT_TRUE(apply_command(state, AdvanceJob{JobId{1}, JobStep::kFreeze}).has_value());
  ASSERT_TRUE(apply_command(state, AdvanceJob{JobId{1}, JobStep::kCopy}).has_value());
  const VolumeRecord& volume = state.volumes.at(VolumeId{1});
  EXPECT_EQ(shard_of(volume, NodeNumber{5}), 1);
  EXPECT_EQ(shard_of(volume, NodeNumber{4}), 0);
  EXPECT_EQ(shard_of(volume, NodeNumber{1}), 2);
  EXPECT_EQ(shard_of(volume, NodeNumber{3}), 3);
  EXPECT_EQ(volume.members.size(), 4U);
  EXPECT_EQ(volume.generation, Generation{3});
}

TEST(StripedCommands, KeepTheShardOfAMemberThatMoves) {
  MasterState state = state_with_shards();
  const StartJob start{
      {JobKind::kMove, JobStep::kFreeze, VolumeId{1}, NodeNumber{1}, NodeNumber{5}},
      Generation{1},
      {}};
  ASSERT_TRUE(apply_command(state, start).has_value());
  ASSERT_TRUE(apply_command(state, AdvanceJob{JobId{1}, JobStep::kFreeze}).has_value());
  ASSERT_TRUE(apply_command(state, AdvanceJob{JobId{1}, JobStep::kCopy}).has_value());
  EXPECT_EQ(shard_of(state.volumes.at(VolumeId{1}), NodeNumber{5}), 2);
}

TEST(StripedCommands, NeverGiveUpMoreMembersThanTheSchemeCanLose) {
  MasterState state = state_with_shards();
  StartJob start{{JobKind::kRepair, JobStep::kFreeze, VolumeId{1}, std::nullopt, NodeNumber{5}},
                 Generation{1},
                 {NodeNumber{1}, NodeNumber{2}, NodeNumber{3}}};
  EXPECT_FALSE(apply_command(state, start).has_value());
  start.lost.clear();
  EXPECT_FALSE(apply_command(state, start).has_value()) << "no shard is missing";
  start.lost = {NodeNumber{1}, NodeNumber{2}};
  EXPECT_TRUE(apply_command(state, start).has_value());
}

// --- placement and plans

TEST(StripedPlacement, GivesLargeNeedlesVolumesOfTheirOwn) {
  House house(5, 2);
  house.options.standard.large = kTwoTwo;
  const VolumeId copies = house.add_volume({1, 2});
  EXPECT_EQ(house.decide()->use, copies);
  house.request.large = true;
  EXPECT_FALSE(house.decide()->use.has_value());
  EXPECT_TRUE(house.decide()->grow);
  const VolumeId shards = add_striped(house, {1, 2, 3, 4});
  EXPECT_EQ(house.decide()->use, shards);
  house.request.large = false;
  EXPECT_EQ(house.decide()->use, copies);
  // Without a scheme large needles lie in copies too.
  house.options.standard.large = {};
  house.request.large = true;
  EXPECT_EQ(house.decide()->use, copies);
}

TEST(StripedPlacement, TakesOneNodeForEachShardEvenlyOverRacks) {
  House house(0);
  for (int i = 0; i < 5; ++i) house.add_node("a", "r1");
  for (int i = 0; i < 2; ++i) house.add_node("a", "r2");
  for (int i = 0; i < 2; ++i) house.add_node("b", "r1");
  for (std::uint64_t salt = 0; salt < 50; ++salt) {
    const auto members =
        choose_members(house.view(), {.scheme = {.data = 4, .parity = 2}}, 1000, salt);
    ASSERT_TRUE(members.has_value()) << members.error().message();
    EXPECT_EQ(std::set<NodeNumber>(members->begin(), members->end()).size(), 6U);
    std::map<std::pair<std::string, std::string>, int> racks;
    for (const NodeNumber member : *members) {
      const NodeIdentity& at = house.state.nodes.at(member).identity;
      ++racks[{at.data_centre, at.rack}];
    }
    for (const auto& [rack, count] : racks) EXPECT_EQ(count, 2);
  }
}

TEST(StripedPlacement, SaysHowManyNodesAreMissingAndWhatIsWrongWithThem) {
  House house(4);
  house.options.standard.large = {.data = 4, .parity = 2};
  house.request.large = true;
  house.apply(SetIntent{NodeNumber{2}, NodeIntent::kDraining});
  const auto refused = house.decide();
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), Errc::kUnavailable);
  EXPECT_THAT(refused.error().detail(), HasSubstr("ec(4,2)"));
  EXPECT_THAT(refused.error().detail(), HasSubstr("6 nodes"));
  EXPECT_THAT(refused.error().detail(), HasSubstr("3 do"));
  EXPECT_THAT(refused.error().detail(), HasSubstr("node-2 is draining"));
}

TEST(StripedPlacement, NeedsEveryMember) {
  House house(5);
  house.options.standard.large = kTwoTwo;
  house.request.large = true;
  const VolumeId first = add_striped(house, {1, 2, 3, 4});
  EXPECT_EQ(house.decide()->use, first);
  house.pass(seconds(5), 4);
  EXPECT_FALSE(house.decide()->use.has_value());
  EXPECT_TRUE(house.decide()->grow) << "another set of four is there";
}

TEST(StripedPlacement, TakesNoVolumeThatLacksAShard) {
  House house(5);
  house.options.standard.large = kTwoTwo;
  house.request.large = true;
  const VolumeId volume = add_striped(house, {1, 2, 3, 4});
  // A repair that was given up leaves the volume without the member that it took out.
  const JobRecord job{JobKind::kRepair, JobStep::kFreeze, volume, std::nullopt, NodeNumber{5}};
  house.apply(StartJob{job, Generation{1}, {NodeNumber{1}}});
  house.apply(AbandonJob{JobId{1}});
  for (const std::uint32_t node : {2U, 3U, 4U}) {
    house.copy(node, volume).generation = house.state.volumes.at(volume).generation;
    house.hear(NodeNumber{node});
  }
  EXPECT_FALSE(house.decide()->use.has_value());
  EXPECT_TRUE(house.decide()->grow);
}

TEST(StripedPlacement, CountsOnEachMemberWhatItsShardTakes) {
  EXPECT_EQ(bytes_on_member({}, 1000), 1000U);
  EXPECT_EQ(bytes_on_member(kTwoTwo, 0), 0U);
  const std::uint64_t each = bytes_on_member(kTwoTwo, 100 << 20);
  EXPECT_GE(each, 50U << 20);
  EXPECT_LE(each, (50U << 20) + kEcCellBytes);
}

TEST(StripedRepairs, ComeFirstWhereLeastIsLeft) {
  House house(8, 2);
  house.plan.jobs = 1;
  const VolumeId copies = house.add_volume({5, 6});
  const VolumeId shards = add_striped(house, {1, 2, 3, 4});
  // One of two copies is gone, and one of four shards of which two may be.
  house.pass(seconds(40), 1);
  ASSERT_EQ(repairs(house).size(), 1U);
  EXPECT_EQ(repairs(house)[0].job.volume, shards);
  EXPECT_EQ(repairs(house)[0].lost, std::vector{NodeNumber{1}});
  house.copy(5, copies).read_only = true;
  house.hear(NodeNumber{5});
  EXPECT_EQ(repairs(house)[0].job.volume, copies);
}

TEST(StripedRepairs, AreNotTriedWhereTooFewShardsAreLeft) {
  House house(6);
  const VolumeId volume = add_striped(house, {1, 2, 3, 4});
  for (const std::uint32_t node : {1U, 2U, 3U}) {
    house.copy(node, volume).read_only = true;
    house.hear(NodeNumber{node});
  }
  EXPECT_TRUE(repairs(house).empty());
  house.copy(3, volume).read_only = false;
  house.hear(NodeNumber{3});
  EXPECT_EQ(repairs(house).at(0).lost, (std::vector{NodeNumber{1}, NodeNumber{2}}));
}

TEST(StripedMoves, KeepShardsOnDifferentNodesAndRacksEven) {
  House house(0);
  for (const char* rack : {"r1", "r1", "r2", "r2", "r2", "r1"}) house.add_node("a", rack);
  const VolumeRecord volume = striped(kTwoTwo, {1, 2, 3, 4});
  EXPECT_TRUE(may_replace(house.view(), volume, NodeNumber{1}, NodeNumber{6}));
  EXPECT_FALSE(may_replace(house.view(), volume, NodeNumber{1}, NodeNumber{3})) << "has a shard";
  EXPECT_FALSE(may_replace(house.view(), volume, NodeNumber{1}, NodeNumber{5})) << "three in r2";
  EXPECT_TRUE(may_replace(house.view(), volume, NodeNumber{3}, NodeNumber{5}));
}

// --- the service

/// A master with six nodes and a volume of ec(2,2).
struct StripedCluster : Rig {
  StripedCluster() : Rig(1, 6) {
    options.placement.standard.large = kTwoTwo;
    EXPECT_TRUE(start_now().has_value());
    lease = large_lease();
  }
  WriteLease large_lease() {
    LeaseRequest request;
    request.large = true;
    auto taken = world.run(master->lease(std::move(request)));
    EXPECT_TRUE(taken.has_value()) << taken.error().message();
    return taken.value_or(WriteLease{});
  }
  test::FakeNode& holder(std::uint8_t shard) {
    const auto member = std::ranges::find(lease.members, shard, &VolumeMember::shard);
    return *volumes.all.at(member->address);
  }
  WriteLease lease;
};

TEST(StripedService, LeasesTheShardsOfAVolumeWithTheirNumbers) {
  StripedCluster cluster;
  EXPECT_EQ(cluster.lease.scheme, kTwoTwo);
  EXPECT_EQ(cluster.lease.large_from, 1U << 20);
  std::set<std::uint8_t> shards;
  for (const VolumeMember& member : cluster.lease.members) shards.insert(member.shard);
  EXPECT_EQ(shards, (std::set<std::uint8_t>{0, 1, 2, 3}));
  const auto location = *cluster.world.run(cluster.master->locate(cluster.lease.volume));
  EXPECT_EQ(location.scheme, kTwoTwo);
  const auto small = *cluster.lease_now(1);
  EXPECT_FALSE(small.scheme);
  EXPECT_EQ(small.large_from, 1U << 20) << "so that a gateway learns it";
  EXPECT_NE(small.volume, cluster.lease.volume);
}

TEST(StripedJobs, RebuildALostShardFromOthersOfThisGeneration) {
  StripedCluster cluster;
  cluster.holder(1).up = false;
  ASSERT_TRUE(cluster.world.run(cluster.pass(45)).has_value());
  const auto location = *cluster.world.run(cluster.master->locate(cluster.lease.volume));
  ASSERT_EQ(location.members.size(), 4U);
  const auto member = std::ranges::find(location.members, std::uint8_t{1}, &VolumeMember::shard);
  ASSERT_NE(member, location.members.end());
  test::FakeNode& made = *cluster.volumes.all.at(member->address);
  ASSERT_EQ(made.rebuilt_from.size(), 1U);
  EXPECT_EQ(made.rebuilt_from[0].shard, 1);
  EXPECT_EQ(made.rebuilt_from[0].scheme, kTwoTwo);
  EXPECT_EQ(made.rebuilt_from[0].members.size(), 3U);
  EXPECT_TRUE(made.pulled_as.empty()) << "a copy of another shard is not this one";
  EXPECT_EQ(made.rebuilt_as, std::vector{Urgency::kRepair});
  EXPECT_FALSE(made.find(cluster.lease.volume)->frozen);
}

TEST(StripedJobs, RebuildAllThatIsLost) {
  StripedCluster cluster;
  cluster.holder(0).up = false;
  cluster.holder(3).up = false;
  ASSERT_TRUE(cluster.world.run(cluster.pass(60)).has_value());
  const auto location = *cluster.world.run(cluster.master->locate(cluster.lease.volume));
  std::set<std::uint8_t> shards;
  for (const VolumeMember& member : location.members) {
    shards.insert(member.shard);
    EXPECT_TRUE(cluster.volumes.all.at(member.address)->up);
  }
  EXPECT_EQ(shards, (std::set<std::uint8_t>{0, 1, 2, 3}));
}

TEST(StripedJobs, CopyAShardThatMoves) {
  StripedCluster cluster;
  const auto from = std::ranges::find(cluster.lease.members, std::uint8_t{2}, &VolumeMember::shard);
  std::string to;
  for (const auto& [address, node] : cluster.volumes.all) {
    if (std::ranges::find(cluster.lease.members, address, &VolumeMember::address) ==
        cluster.lease.members.end()) {
      to = node->node.node_id;
    }
  }
  ASSERT_TRUE(
      cluster.world.run(cluster.master->move_volume(cluster.lease.volume, from->node_id, to))
          .has_value());
  ASSERT_TRUE(cluster.world.run(cluster.pass(5)).has_value());
  const auto location = *cluster.world.run(cluster.master->locate(cluster.lease.volume));
  const auto now = std::ranges::find(location.members, std::uint8_t{2}, &VolumeMember::shard);
  ASSERT_NE(now, location.members.end());
  EXPECT_EQ(now->node_id, to);
  EXPECT_EQ(cluster.volumes.all.at(now->address)->pulled_as, std::vector{Urgency::kMove});
  EXPECT_EQ(cluster.volumes.all.at(from->address)->find(cluster.lease.volume), nullptr);
}

}  // namespace
}  // namespace kelp::master
