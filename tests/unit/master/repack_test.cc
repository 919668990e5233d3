// Packed volumes that are packed anew: what is decided, written down, and in which order it is
// done.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/encoding.h"
#include "tests/support/golden.h"
#include "tests/unit/master/house.h"
#include "tests/unit/master/master_rig.h"
#include "tests/unit/master/volume_jobs.h"

namespace kelp::master {
namespace {

using testing::ElementsAre;

StartJob repack(const std::vector<std::uint32_t>& targets) {
  return job_at(JobKind::kRepack, targets, kTwoTwo);
}

MasterState state_with_a_packed_volume() {
  return state_with_full(in_shards());
}

TEST(RepackCommands, LeaveTheMembersWhereTheyAre) {
  MasterState state = state_with_a_packed_volume();
  const VolumeRecord before = state.volumes.at(VolumeId{1});
  ASSERT_TRUE(applies(state, repack({2, 4, 1, 3})));
  const VolumeRecord& volume = state.volumes.at(VolumeId{1});
  for (const JobStep step : {JobStep::kFreeze, JobStep::kPack, JobStep::kVerify}) {
    EXPECT_EQ(state.jobs.at(JobId{1}).step, step);
    EXPECT_TRUE(volume.frozen);
    EXPECT_EQ(volume.generation, Generation{2});
    ASSERT_TRUE(applies(state, AdvanceJob{JobId{1}, step}));
  }
  EXPECT_FALSE(volume.frozen);
  EXPECT_EQ(volume.generation, Generation{3});
  EXPECT_EQ(volume.members, before.members);
  EXPECT_EQ(volume.shards, before.shards);
  EXPECT_EQ(volume.scheme, kTwoTwo);
  EXPECT_FALSE(applies(state, AbandonJob{JobId{1}})) << "it has switched";
  ASSERT_TRUE(applies(state, AdvanceJob{JobId{1}, JobStep::kSwitch}));
  EXPECT_TRUE(state.jobs.empty());
}

TEST(RepackCommands, AreGivenUpBeforeTheSwitch) {
  for (int steps = 0; steps < 3; ++steps) {
    MasterState state = state_with_a_packed_volume();
    ASSERT_TRUE(applies(state, repack({2, 4, 1, 3})));
    advance(state, steps);
    ASSERT_TRUE(applies(state, AbandonJob{JobId{1}}));
    ASSERT_TRUE(applies(state, AdvanceJob{JobId{1}, JobStep::kRelease}));
    EXPECT_FALSE(state.volumes.at(VolumeId{1}).frozen);
    EXPECT_EQ(state.volumes.at(VolumeId{1}).generation, Generation{3});
  }
}

TEST(RepackCommands, RefuseWhatDoesNotFit) {
  MasterState state = state_with_a_packed_volume();
  EXPECT_FALSE(applies(state, repack({1, 2, 3, 4}))) << "by shard";
  EXPECT_FALSE(applies(state, repack({2, 4, 1})));
  EXPECT_FALSE(applies(state, repack({2, 4, 1, 5})));
  StartJob other = repack({2, 4, 1, 3});
  other.job.scheme = {.data = 3, .parity = 1};
  EXPECT_FALSE(applies(state, other));
  other = repack({2, 4, 1, 3});
  other.lost = {NodeNumber{1}};
  EXPECT_FALSE(applies(state, other));
  MasterState open = state;
  open.volumes.at(VolumeId{1}).phase = VolumePhase::kWritable;
  EXPECT_FALSE(applies(open, repack({2, 4, 1, 3})));
  MasterState copies = state;
  copies.volumes.at(VolumeId{1}).scheme = {};
  EXPECT_FALSE(applies(copies, repack({2, 4, 1, 3})));
  MasterState lacking = state;
  erase_member(lacking.volumes.at(VolumeId{1}), NodeNumber{3});
  EXPECT_FALSE(applies(lacking, repack({2, 4, 1, 3})));
  ASSERT_TRUE(applies(state, repack({2, 4, 1, 3})));
  EXPECT_FALSE(applies(state, repack({2, 4, 1, 3}))) << "one job a volume";
}

TEST(RepackState, IsWrittenAsTheFormatSaysAndReadAgain) {
  MasterState state = state_with_a_packed_volume();
  EXPECT_EQ(encode_state(state)[4], 3);
  ASSERT_TRUE(applies(state, repack({2, 4, 1, 3})));
  ASSERT_TRUE(applies(state, AdvanceJob{JobId{1}, JobStep::kFreeze}));
  const std::string bytes = encode_state(state);
  EXPECT_EQ(hex_encode(bytes), test::golden("master-state-v5-repack.hex"));
  EXPECT_EQ(decode_state(bytes).value(), state);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_state(bytes.substr(0, size)).has_value()) << size;
  }
  state.jobs.at(JobId{1}).step = JobStep::kCopy;
  EXPECT_EQ(decode_state(encode_state(state)).error().code(), Errc::kCorruption);
  state.jobs.at(JobId{1}).step = JobStep::kPack;
  for (const JobStep step : {JobStep::kPack, JobStep::kVerify, JobStep::kSwitch}) {
    ASSERT_TRUE(applies(state, AdvanceJob{JobId{1}, step}));
  }
  EXPECT_EQ(encode_state(state)[4], 3) << "nothing is packed anew any more";
}

TEST(RepackState, HasACommandThatMastersOfTheVersionBeforeRefuse) {
  const Command start = repack({2, 4, 1, 3});
  EXPECT_EQ(encode_command(start)[0], 5);
  EXPECT_TRUE(decode_command(encode_command(start)).value() == start);
}

// --- plans

/// Four nodes with a full volume in shards.
struct PackedHouse : House {
  PackedHouse() : House(4) { volume = add_packed(); }
  VolumeId add_packed() {
    const VolumeId id = state.next_volume;
    VolumeRecord record = in_shards();
    record.generation = Generation{1};
    apply(CreateVolume{id, record});
    apply(ActivateVolume{id});
    apply(SealVolume{id});
    for (std::uint32_t node = 1; node <= 4; ++node) {
      beats[NodeNumber{node}].status.volumes.push_back(status_of(id, Generation{1}, 1 << 20));
      hear(NodeNumber{node});
    }
    return id;
  }
  void say(VolumeId id, std::uint64_t garbage, std::uint32_t members = 4) {
    reports[id] = {Generation{1}, {}};
    for (std::uint32_t node = 1; node <= members; ++node) {
      reports[id].said[NodeNumber{node}] = {id, 1000, garbage};
    }
  }
  [[nodiscard]] std::vector<StartJob> plan_now() const {
    return plan_repacks(view(), Survey(view()), reports, plan);
  }
  VolumeId volume;
  SparseReports reports;
};

TEST(RepackPlan, TakesWhatGivesMostOnceAllMembersSaySo) {
  PackedHouse house;
  EXPECT_TRUE(house.plan_now().empty());
  house.say(house.volume, 299);
  EXPECT_TRUE(house.plan_now().empty()) << "not worth it";
  house.say(house.volume, 300);
  ASSERT_EQ(house.plan_now().size(), 1U);
  EXPECT_EQ(house.plan_now()[0].job.kind, JobKind::kRepack);
  EXPECT_THAT(house.plan_now()[0].job.targets,
              ElementsAre(NodeNumber{2}, NodeNumber{4}, NodeNumber{1}, NodeNumber{3}));
  const VolumeId second = house.add_packed();
  house.say(second, 301);
  EXPECT_EQ(house.plan_now()[0].job.volume, second);
  house.say(second, 900, 3);
  EXPECT_EQ(house.plan_now()[0].job.volume, house.volume) << "of the other one member says nothing";
  house.apply(house.plan_now()[0]);
  EXPECT_TRUE(house.plan_now().empty()) << "one at a time";
}

TEST(RepackPlan, WaitsForRepairsAndOperators) {
  PackedHouse house;
  house.say(house.volume, 900);
  ASSERT_EQ(house.plan_now().size(), 1U);
  house.state.jobs_paused = true;
  EXPECT_TRUE(house.plan_now().empty());
  house.state.jobs_paused = false;
  house.copy(3, house.volume).read_only = true;
  house.hear(NodeNumber{3});
  EXPECT_TRUE(house.plan_now().empty()) << "a shard is missing";
  house.copy(3, house.volume).read_only = false;
  house.hear(NodeNumber{3});
  house.reports[house.volume].generation = Generation{0};
  EXPECT_TRUE(house.plan_now().empty()) << "that was before the last job";
}

// --- the service

/// A master with four nodes that have a full packed volume.
struct PackedCluster : Rig {
  PackedCluster() : Rig(1, 4) {
    options.placement.standard.spread.other_nodes = 1;
    EXPECT_TRUE(start_now().has_value());
    const auto lease = lease_now(1);
    EXPECT_TRUE(lease.has_value());
    volume = lease->volume;
    EXPECT_TRUE(world.run(master->seal_volume(volume)).has_value());
    EXPECT_TRUE(world.run(master->pack_volume(volume, kTwoTwo, {})).has_value());
    EXPECT_TRUE(world.run(pass(10)).has_value());
    EXPECT_EQ(location().scheme, kTwoTwo);
    for (const auto& [address, node] : volumes.all) {
      node->verified = 0;
      node->adopted = false;
    }
  }
  void say_sparse() {
    for (const auto& [address, node] : volumes.all) node->sparse = {{volume, 1000, 600}};
  }
  void say_nothing() {
    for (const auto& [address, node] : volumes.all) node->sparse.clear();
  }
  VolumeLocation location() { return *world.run(master->locate(volume)); }
  test::FakeNode& at(const std::string& address) { return *volumes.all.at(address); }
  VolumeId volume;
};

TEST(RepackJobs, HaveEveryMemberMakeItsOwnShardAnew) {
  PackedCluster cluster;
  const VolumeLocation before = cluster.location();
  cluster.say_sparse();
  ASSERT_TRUE(cluster.world.run(cluster.pass(15)).has_value());
  cluster.say_nothing();
  ASSERT_TRUE(cluster.world.run(cluster.pass(15)).has_value());
  const VolumeLocation location = cluster.location();
  ASSERT_EQ(location.members.size(), 4U);
  for (std::size_t i = 0; i < location.members.size(); ++i) {
    const VolumeMember& member = location.members[i];
    EXPECT_EQ(member.address, before.members[i].address);
    EXPECT_EQ(member.shard, before.members[i].shard);
    test::FakeNode& node = cluster.at(member.address);
    ASSERT_FALSE(node.repacked_from.empty());
    EXPECT_EQ(node.repacked_from[0].shard, member.shard);
    EXPECT_EQ(node.repacked_from[0].members.size(), 4U);
    EXPECT_GT(node.verified, 0);
    EXPECT_TRUE(node.adopted);
    EXPECT_EQ(node.find(cluster.volume)->generation, location.generation);
    EXPECT_FALSE(node.find(cluster.volume)->frozen);
  }
  EXPECT_TRUE(cluster.world.run(cluster.master->state()).jobs.empty());
}

TEST(RepackJobs, SwitchNothingWhenTheShardsAreOfDifferentExtents) {
  PackedCluster cluster;
  const VolumeLocation before = cluster.location();
  for (const auto& [address, node] : cluster.volumes.all) node->spoil_packs = 1000;
  cluster.say_sparse();
  ASSERT_TRUE(cluster.world.run(cluster.pass(12)).has_value());
  cluster.say_nothing();
  ASSERT_TRUE(cluster.world.run(cluster.pass(60)).has_value());
  EXPECT_GT(cluster.location().generation, before.generation);
  for (const auto& [address, node] : cluster.volumes.all) {
    EXPECT_FALSE(node->repacked_from.empty());
    EXPECT_FALSE(node->adopted) << address;
    EXPECT_FALSE(node->packed.has_value()) << address << " keeps what nobody wants";
    EXPECT_FALSE(node->find(cluster.volume)->frozen);
  }
  EXPECT_TRUE(cluster.world.run(cluster.master->state()).jobs.empty());
}

TEST(RepackJobs, NeverTakeWhatWasThereForWhatIsNew) {
  PackedCluster cluster;
  test::FakeNode& loser = *cluster.volumes.all.begin()->second;
  loser.loses_packed = true;
  cluster.say_sparse();
  for (int second = 0; second < 30; ++second) {
    ASSERT_TRUE(cluster.world.run(cluster.pass(1)).has_value());
    const VolumeLocation location = cluster.location();
    const VolumeStatus* const copy = loser.find(cluster.volume);
    if (!loser.rebuilt_from.empty() || copy == nullptr || copy->frozen) continue;
    bool others = false;
    for (const auto& [address, node] : cluster.volumes.all) others = others || node->adopted;
    if (others) EXPECT_LT(copy->generation, location.generation) << second;
  }
}

TEST(RepackJobs, GoOnAfterARestart) {
  PackedCluster cluster;
  cluster.say_sparse();
  (void)cluster.world.run(cluster.pass(10));
  for (const auto& [address, node] : cluster.volumes.all) node->up = false;
  (void)cluster.world.run(
      cluster.timers.sleep_until(cluster.world.now() + std::chrono::seconds(2)));
  cluster.world.run(cluster.stop());
  for (const auto& [address, node] : cluster.volumes.all) node->up = true;
  ASSERT_TRUE(cluster.start_now().has_value());
  ASSERT_TRUE(cluster.world.run(cluster.pass(30)).has_value());
  cluster.say_nothing();
  ASSERT_TRUE(cluster.world.run(cluster.pass(15)).has_value());
  for (const auto& [address, node] : cluster.volumes.all) {
    EXPECT_TRUE(node->adopted) << address;
    EXPECT_FALSE(node->find(cluster.volume)->frozen);
  }
}

}  // namespace
}  // namespace kelp::master
