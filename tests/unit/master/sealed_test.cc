// Full volumes of copies that become shards: what is decided, written down, and in which order it
// is done.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "base/encoding.h"
#include "tests/support/golden.h"
#include "tests/unit/master/house.h"
#include "tests/unit/master/master_rig.h"
#include "tests/unit/master/volume_jobs.h"
#include "wire/collections.h"

namespace kelp::master {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr EcScheme kTwoOne{.data = 2, .parity = 1};

StartJob seal(const std::vector<std::uint32_t>& targets, EcScheme scheme = kTwoTwo) {
  return job_at(JobKind::kSeal, targets, scheme);
}

MasterState state_with_a_full_volume() {
  VolumeRecord copies;
  copies.spread.other_nodes = 1;
  copies.members = nodes({1, 2});
  return state_with_full(std::move(copies));
}

TEST(SealCommands, TurnCopiesIntoShardsStepByStep) {
  MasterState state = state_with_a_full_volume();
  ASSERT_TRUE(applies(state, seal({2, 3, 4, 5})));
  const VolumeRecord& volume = state.volumes.at(VolumeId{1});
  for (const JobStep step : {JobStep::kFreeze, JobStep::kPack, JobStep::kVerify}) {
    EXPECT_EQ(state.jobs.at(JobId{1}).step, step);
    EXPECT_TRUE(volume.frozen);
    EXPECT_FALSE(volume.scheme) << "up to the switch the copies are the volume";
    EXPECT_THAT(volume.members, ElementsAre(NodeNumber{1}, NodeNumber{2}));
    ASSERT_TRUE(applies(state, AdvanceJob{JobId{1}, step}));
  }
  EXPECT_EQ(volume.scheme, kTwoTwo);
  EXPECT_EQ(volume.generation, Generation{3});
  EXPECT_FALSE(volume.frozen);
  EXPECT_EQ(volume.phase, VolumePhase::kSealed);
  EXPECT_THAT(volume.members,
              ElementsAre(NodeNumber{2}, NodeNumber{3}, NodeNumber{4}, NodeNumber{5}));
  EXPECT_THAT(volume.shards, ElementsAre(0, 1, 2, 3));
  EXPECT_FALSE(applies(state, AbandonJob{JobId{1}})) << "it has switched";
  ASSERT_TRUE(applies(state, AdvanceJob{JobId{1}, JobStep::kSwitch}));
  ASSERT_TRUE(applies(state, AdvanceJob{JobId{1}, JobStep::kRetire}));
  EXPECT_TRUE(state.jobs.empty());
  EXPECT_FALSE(applies(state, seal({2, 3, 4, 5}))) << "it lies in shards already";
}

TEST(SealCommands, LeaveTheCopiesWhenItIsGivenUp) {
  for (int steps = 0; steps < 3; ++steps) {
    MasterState state = state_with_a_full_volume();
    ASSERT_TRUE(applies(state, seal({2, 3, 4, 5})));
    advance(state, steps);
    ASSERT_TRUE(applies(state, AbandonJob{JobId{1}}));
    EXPECT_EQ(state.jobs.at(JobId{1}).step, JobStep::kRelease);
    ASSERT_TRUE(applies(state, AdvanceJob{JobId{1}, JobStep::kRelease}));
    const VolumeRecord& volume = state.volumes.at(VolumeId{1});
    EXPECT_THAT(volume.members, ElementsAre(NodeNumber{1}, NodeNumber{2}));
    EXPECT_FALSE(volume.scheme || volume.frozen);
    EXPECT_EQ(volume.generation, Generation{3});
  }
}

TEST(SealCommands, RefuseWhatDoesNotFit) {
  MasterState state = state_with_a_full_volume();
  EXPECT_FALSE(applies(state, seal({2, 3, 4})));
  EXPECT_FALSE(applies(state, seal({2, 3, 4, 4})));
  EXPECT_FALSE(applies(state, seal({2, 3, 4, 9})));
  EXPECT_FALSE(applies(state, seal({2, 3, 4, 5}, {.data = 1, .parity = 3})));
  StartJob other = seal({2, 3, 4, 5});
  other.lost = {NodeNumber{1}};
  EXPECT_FALSE(applies(state, other));
  other = seal({2, 3, 4, 5});
  other.expected = Generation{2};
  EXPECT_FALSE(applies(state, other));
  MasterState writable = state;
  writable.volumes.at(VolumeId{1}).phase = VolumePhase::kWritable;
  EXPECT_FALSE(applies(writable, seal({2, 3, 4, 5})));
  ASSERT_TRUE(applies(state, seal({2, 3, 4, 5})));
  EXPECT_FALSE(applies(state, seal({2, 3, 4, 5}))) << "one job a volume";
  EXPECT_FALSE(applies(state, RemoveNode{NodeNumber{5}})) << "it gets a shard";
  EXPECT_FALSE(applies(state, AdvanceJob{JobId{1}, JobStep::kPack}));
}

TEST(SealState, IsWrittenAsTheFormatSaysAndReadAgain) {
  MasterState state = state_with_a_full_volume();
  EXPECT_EQ(encode_state(state)[4], 2);
  ASSERT_TRUE(applies(state, seal({2, 3, 4, 5})));
  ASSERT_TRUE(applies(state, AdvanceJob{JobId{1}, JobStep::kFreeze}));
  const std::string bytes = encode_state(state);
  EXPECT_EQ(hex_encode(bytes), test::golden("master-state-v4-seal.hex"));
  EXPECT_EQ(decode_state(bytes).value(), state);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_state(bytes.substr(0, size)).has_value()) << size;
  }
  for (const JobStep step :
       {JobStep::kPack, JobStep::kVerify, JobStep::kSwitch, JobStep::kRetire}) {
    ASSERT_TRUE(applies(state, AdvanceJob{JobId{1}, step}));
  }
  EXPECT_EQ(encode_state(state)[4], 3) << "nothing is being sealed any more";
}

TEST(SealState, RefusesStepsOfOtherJobs) {
  MasterState state = state_with_a_full_volume();
  ASSERT_TRUE(applies(state, seal({2, 3, 4, 5})));
  JobRecord& job = state.jobs.at(JobId{1});
  job.step = JobStep::kCopy;
  EXPECT_EQ(decode_state(encode_state(state)).error().code(), Errc::kCorruption);
  job.step = JobStep::kVerify;
  EXPECT_TRUE(decode_state(encode_state(state)).has_value());
  job.kind = JobKind::kRepair;
  EXPECT_EQ(decode_state(encode_state(state)).error().code(), Errc::kCorruption);
}

TEST(SealState, HasCommandsThatMastersOfTheVersionBeforeRefuse) {
  const Command start = seal({2, 3, 4, 5});
  EXPECT_EQ(encode_command(start)[0], 4);
  EXPECT_TRUE(decode_command(encode_command(start)).value() == start);
  const Command advance = AdvanceJob{JobId{1}, JobStep::kVerify};
  EXPECT_EQ(encode_command(advance)[0], 4);
  EXPECT_TRUE(decode_command(encode_command(advance)).value() == advance);
  EXPECT_EQ(encode_command(AdvanceJob{JobId{1}, JobStep::kSwitch})[0], 2);
}

// --- plans

std::vector<StartJob> seals(const House& house) {
  return plan_seals(house.view(), Survey(house.view()), house.plan);
}

TEST(SealPlan, TakesFullVolumesOfClassesThatAskForIt) {
  House house(5, 2);
  const VolumeId open = house.add_volume({1, 2}, 8ULL << 30);
  const VolumeId full = house.add_volume({2, 3}, 8ULL << 30);
  house.apply(SealVolume{full});
  EXPECT_TRUE(seals(house).empty()) << "nobody asks";
  house.options.standard.seal = kTwoTwo;
  ASSERT_EQ(seals(house).size(), 1U);
  const StartJob start = seals(house)[0];
  EXPECT_EQ(start.job.volume, full);
  EXPECT_NE(start.job.volume, open);
  EXPECT_EQ(start.job.kind, JobKind::kSeal);
  EXPECT_EQ(start.job.scheme, kTwoTwo);
  const std::set<NodeNumber> targets(start.job.targets.begin(), start.job.targets.end());
  EXPECT_EQ(targets.size(), 4U);
  house.apply(start);
  EXPECT_TRUE(seals(house).empty()) << "one at a time";
}

TEST(SealPlan, WaitsForRepairsAndForRoom) {
  House house(5, 2);
  house.options.standard.seal = kTwoTwo;
  const VolumeId full = house.add_volume({2, 3}, 8ULL << 30);
  house.apply(SealVolume{full});
  house.state.jobs_paused = true;
  EXPECT_TRUE(seals(house).empty());
  house.state.jobs_paused = false;
  house.copy(2, full).read_only = true;
  house.hear(NodeNumber{2});
  EXPECT_TRUE(seals(house).empty()) << "a copy is missing";
  house.copy(2, full).read_only = false;
  house.hear(NodeNumber{2});
  EXPECT_EQ(seals(house).size(), 1U);
  for (const std::uint32_t node : {4U, 5U}) {
    house.beats[NodeNumber{node}].status.free_bytes = 1 << 20;
    house.hear(NodeNumber{node});
  }
  EXPECT_TRUE(seals(house).empty()) << "three nodes have room";
}

TEST(SealPlan, SaysWhyAVolumeIsNotSealed) {
  House house(3, 2);
  const VolumeId volume = house.add_volume({1, 2});
  const auto why = [&](EcScheme scheme) {
    const Survey survey(house.view());
    const auto planned = plan_seal(house.view(), *survey.find(volume), scheme);
    return planned.has_value() ? std::string() : planned.error().detail();
  };
  EXPECT_THAT(why(kTwoOne), HasSubstr("still takes needles"));
  house.apply(SealVolume{volume});
  EXPECT_EQ(why(kTwoOne), "");
  EXPECT_THAT(why(kTwoTwo), HasSubstr("needs 4 nodes"));
  house.apply(*plan_seal(house.view(), *Survey(house.view()).find(volume), kTwoOne));
  EXPECT_THAT(why(kTwoOne), HasSubstr("has a job"));
}

TEST(SealPlan, LeavesFilesAlone) {
  House house(5, 2);
  house.options.standard.seal = kTwoTwo;
  const VolumeId files = house.add_volume({2, 3}, 8ULL << 30);
  house.apply(SealVolume{files});
  house.state.volumes.at(files).collection = kFidCollection;
  EXPECT_TRUE(seals(house).empty());
  const auto planned = plan_seal(house.view(), *Survey(house.view()).find(files), kTwoTwo);
  EXPECT_THAT(planned.error().detail(), HasSubstr("read by file id"));
}

TEST(SealPlan, StaysOnTheTierOfTheVolume) {
  House house(6, 2);
  house.options.standard.seal = kTwoTwo;
  const VolumeId full = house.add_volume({2, 3}, 8ULL << 30);
  house.apply(SealVolume{full});
  for (const std::uint32_t node : {2U, 3U, 5U, 6U}) {
    house.state.nodes.at(NodeNumber{node}).identity.tags = {"hdd"};
  }
  house.apply(SetVolumeTier{full, "hdd"});
  ASSERT_EQ(seals(house).size(), 1U);
  const auto targets = seals(house)[0].job.targets;
  EXPECT_EQ(std::set<NodeNumber>(targets.begin(), targets.end()),
            (std::set{NodeNumber{2}, NodeNumber{3}, NodeNumber{5}, NodeNumber{6}}));
}

// --- the service

/// A master with five nodes, of which two have a full volume.
struct SealedCluster : Rig {
  SealedCluster() : Rig(1, 5) {
    options.placement.standard.spread.other_nodes = 1;
    EXPECT_TRUE(start_now().has_value());
    const auto lease = lease_now(1);
    EXPECT_TRUE(lease.has_value());
    volume = lease->volume;
    for (const VolumeMember& member : lease->members) holders.push_back(member.address);
    EXPECT_TRUE(world.run(master->seal_volume(volume)).has_value());
  }
  Result<std::uint64_t> seal_now() { return world.run(master->pack_volume(volume, kTwoTwo, {})); }
  VolumeLocation location() { return *world.run(master->locate(volume)); }
  test::FakeNode& at(const std::string& address) { return *volumes.all.at(address); }

  VolumeId volume;
  std::vector<std::string> holders;
};

TEST(SealJobs, MakeEveryShardFromOneCopyAndRetireTheCopies) {
  SealedCluster cluster;
  ASSERT_TRUE(cluster.seal_now().has_value());
  ASSERT_TRUE(cluster.world.run(cluster.pass(5)).has_value());
  const VolumeLocation location = cluster.location();
  EXPECT_EQ(location.scheme, kTwoTwo);
  ASSERT_EQ(location.members.size(), 4U);
  std::set<std::string> sources;
  std::set<std::string> members;
  for (const VolumeMember& member : location.members) {
    test::FakeNode& node = cluster.at(member.address);
    members.insert(member.address);
    ASSERT_EQ(node.packed_from.size(), 1U);
    EXPECT_EQ(node.packed_from[0].shard, member.shard);
    EXPECT_EQ(node.packed_from[0].scheme, kTwoTwo);
    sources.insert(node.packed_from[0].copy.address);
    EXPECT_EQ(node.verified, 1);
    EXPECT_TRUE(node.adopted);
    EXPECT_EQ(node.find(cluster.volume)->generation, location.generation);
    EXPECT_FALSE(node.find(cluster.volume)->frozen);
  }
  EXPECT_EQ(sources.size(), 1U);
  for (const std::string& holder : cluster.holders) {
    if (!members.contains(holder)) EXPECT_EQ(cluster.at(holder).find(cluster.volume), nullptr);
  }
  EXPECT_TRUE(cluster.world.run(cluster.master->state()).jobs.empty());
}

TEST(SealJobs, SwitchNothingWhenTheShardsAreOfDifferentExtents) {
  SealedCluster cluster;
  for (const auto& [address, node] : cluster.volumes.all) node->spoil_packs = 100;
  ASSERT_TRUE(cluster.seal_now().has_value());
  ASSERT_TRUE(cluster.world.run(cluster.pass(60)).has_value());
  EXPECT_FALSE(cluster.location().scheme);
  EXPECT_EQ(cluster.location().members.size(), 2U);
  EXPECT_TRUE(cluster.location().writable == false);
  for (const std::string& holder : cluster.holders) {
    ASSERT_NE(cluster.at(holder).find(cluster.volume), nullptr);
    EXPECT_FALSE(cluster.at(holder).find(cluster.volume)->frozen);
  }
  for (const auto& [address, node] : cluster.volumes.all) {
    EXPECT_FALSE(node->adopted) << address;
    EXPECT_FALSE(node->packed.has_value()) << address << " keeps what nobody wants";
  }
}

TEST(SealJobs, SwitchNothingWhenACopyHasMoreThanWasPacked) {
  SealedCluster cluster;
  // Each copy has a needle that the other one lacks: none has them all.
  std::uint64_t key = 10;
  for (const std::string& holder : cluster.holders) {
    test::FakeNode& node = cluster.at(holder);
    node.keys = {NeedleKey{1}, NeedleKey{key++}};
    node.find(cluster.volume)->needle_count = 2;
    node.find(cluster.volume)->live_bytes = key;
  }
  ASSERT_TRUE(cluster.seal_now().has_value());
  ASSERT_TRUE(cluster.world.run(cluster.pass(60)).has_value());
  EXPECT_FALSE(cluster.location().scheme);
  for (const std::string& holder : cluster.holders) {
    EXPECT_NE(cluster.at(holder).find(cluster.volume), nullptr);
  }
}

TEST(SealJobs, SwitchNothingWhenAnotherServerHasTheAddressOfATarget) {
  SealedCluster cluster;
  ASSERT_TRUE(cluster.seal_now().has_value());
  // It lost its disk and came back before anybody heard of it.
  for (const auto& [address, node] : cluster.volumes.all) {
    if (std::ranges::find(cluster.holders, address) == cluster.holders.end()) {
      node->node.node_id += "-anew";
    }
  }
  (void)cluster.world.run(
      cluster.timers.sleep_until(cluster.world.now() + std::chrono::seconds(2)));
  EXPECT_FALSE(cluster.location().scheme);
  for (const auto& [address, node] : cluster.volumes.all) EXPECT_FALSE(node->adopted) << address;
}

TEST(SealJobs, NeverTakeACopyForAShard) {
  SealedCluster cluster;
  // Of two holders and four targets of five nodes one at least is both.
  for (const std::string& holder : cluster.holders) cluster.at(holder).loses_packed = true;
  ASSERT_TRUE(cluster.seal_now().has_value());
  for (int second = 0; second < 20; ++second) {
    ASSERT_TRUE(cluster.world.run(cluster.pass(1)).has_value());
    const VolumeLocation location = cluster.location();
    if (!location.scheme) continue;
    for (const std::string& holder : cluster.holders) {
      test::FakeNode& node = cluster.at(holder);
      const VolumeStatus* const copy = node.find(cluster.volume);
      if (node.adopted || !node.rebuilt_from.empty() || copy == nullptr) continue;
      EXPECT_LT(copy->generation, location.generation) << second;
    }
  }
  EXPECT_EQ(cluster.location().scheme, kTwoTwo);
}

TEST(SealJobs, RefuseAVolumeThatIsNotFull) {
  SealedCluster cluster;
  const auto open = cluster.lease_now(1);
  ASSERT_TRUE(open.has_value());
  const auto refused = cluster.world.run(cluster.master->pack_volume(open->volume, kTwoTwo, {}));
  EXPECT_EQ(refused.error().code(), Errc::kConflict);
  EXPECT_EQ(
      cluster.world.run(cluster.master->pack_volume(VolumeId{99}, kTwoTwo, {})).error().code(),
      Errc::kNotFound);
  const auto wide = cluster.world.run(
      cluster.master->pack_volume(cluster.volume, EcScheme{.data = 4, .parity = 2}, {}));
  EXPECT_EQ(wide.error().code(), Errc::kUnavailable);
}

TEST(SealJobs, GoOnAfterARestart) {
  SealedCluster cluster;
  for (const auto& [address, node] : cluster.volumes.all) {
    if (std::ranges::find(cluster.holders, address) == cluster.holders.end()) node->up = false;
  }
  ASSERT_TRUE(cluster.seal_now().has_value());
  cluster.world.run(cluster.stop());
  for (const auto& [address, node] : cluster.volumes.all) node->up = true;
  ASSERT_TRUE(cluster.start_now().has_value());
  ASSERT_TRUE(cluster.world.run(cluster.pass(30)).has_value());
  EXPECT_EQ(cluster.location().scheme, kTwoTwo);
}

}  // namespace
}  // namespace kelp::master
