// Several lost shards of a volume in one repair: what is decided, written down, and in which order
// it is done.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/encoding.h"
#include "tests/support/golden.h"
#include "tests/unit/master/house.h"
#include "tests/unit/master/master_rig.h"

namespace kelp::master {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

constexpr EcScheme kTwoTwo{.data = 2, .parity = 2};
constexpr EcScheme kTwoThree{.data = 2, .parity = 3};

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

/// Nodes 1 to 8, and a volume of ec(2,3) with shards 0 to 4 on nodes 5, 4, 3, 2, 1.
MasterState state_with_shards() {
  MasterState state;
  state.cluster_id = "7d444840-9dc0-11d1-b245-5ffdce74fad2";
  for (int i = 1; i <= 8; ++i) {
    const NodeIdentity node{"node-" + std::to_string(i), "10.0.0.1:18080", "dc1", "rack1", {}};
    EXPECT_TRUE(apply_command(state, RegisterNode{node}).has_value());
  }
  const CreateVolume create{VolumeId{1}, striped(kTwoThree, {5, 4, 3, 2, 1})};
  EXPECT_TRUE(apply_command(state, create).has_value());
  EXPECT_TRUE(apply_command(state, ActivateVolume{VolumeId{1}}).has_value());
  return state;
}

/// A repair without the members `lost`, by which `targets` get `shards`.
StartJob repair(const std::vector<std::uint32_t>& lost, const std::vector<std::uint32_t>& targets,
                std::vector<std::uint8_t> shards) {
  JobRecord job{JobKind::kRepair, JobStep::kFreeze, VolumeId{1}, std::nullopt,
                NodeNumber{targets.at(0)}};
  for (const auto target : targets) job.targets.emplace_back(target);
  job.shards = std::move(shards);
  StartJob start{std::move(job), Generation{1}, {}};
  for (const auto node : lost) start.lost.emplace_back(node);
  return start;
}

bool applies(MasterState& state, const Command& command) {
  const MasterState before = state;
  const bool applied = apply_command(state, command).has_value();
  if (!applied) EXPECT_EQ(state, before) << "a refused command changes nothing";
  return applied;
}

TEST(TogetherCommands, GiveEachTargetItsShardInOneSwitch) {
  MasterState state = state_with_shards();
  ASSERT_TRUE(applies(state, repair({4, 1}, {7, 6}, {4, 1})));
  const VolumeRecord& volume = state.volumes.at(VolumeId{1});
  EXPECT_THAT(volume.members, ElementsAre(NodeNumber{5}, NodeNumber{3}, NodeNumber{2}));
  EXPECT_FALSE(applies(state, RemoveNode{NodeNumber{6}})) << "it gets a shard";
  ASSERT_TRUE(applies(state, AdvanceJob{JobId{1}, JobStep::kFreeze}));
  EXPECT_TRUE(volume.frozen);
  ASSERT_TRUE(applies(state, AdvanceJob{JobId{1}, JobStep::kCopy}));
  EXPECT_EQ(shard_of(volume, NodeNumber{7}), 4);
  EXPECT_EQ(shard_of(volume, NodeNumber{6}), 1);
  EXPECT_EQ(shard_of(volume, NodeNumber{5}), 0);
  EXPECT_EQ(volume.members.size(), 5U);
  EXPECT_EQ(volume.generation, Generation{3}) << "one switch";
  EXPECT_FALSE(volume.frozen);
  ASSERT_TRUE(applies(state, AdvanceJob{JobId{1}, JobStep::kSwitch}));
  EXPECT_TRUE(state.jobs.empty());
}

TEST(TogetherCommands, KeepTheShardsOfThoseWhoStayWhenOneIsLeftOut) {
  MasterState state = state_with_shards();
  ASSERT_TRUE(applies(state, repair({5, 4, 3}, {6, 7, 8}, {0, 1, 2})));
  EXPECT_FALSE(applies(state, LeaveOut{JobId{1}, NodeNumber{2}})) << "no target";
  EXPECT_FALSE(applies(state, LeaveOut{JobId{2}, NodeNumber{6}}));
  ASSERT_TRUE(applies(state, AdvanceJob{JobId{1}, JobStep::kFreeze}));
  ASSERT_TRUE(applies(state, LeaveOut{JobId{1}, NodeNumber{6}}));
  EXPECT_EQ(state.jobs.at(JobId{1}).to, NodeNumber{7}) << "the next one is the first";
  EXPECT_FALSE(applies(state, LeaveOut{JobId{1}, NodeNumber{6}}));
  ASSERT_TRUE(applies(state, LeaveOut{JobId{1}, NodeNumber{7}}));
  EXPECT_FALSE(applies(state, LeaveOut{JobId{1}, NodeNumber{8}})) << "one stays";
  ASSERT_TRUE(applies(state, AdvanceJob{JobId{1}, JobStep::kCopy}));
  const VolumeRecord& volume = state.volumes.at(VolumeId{1});
  EXPECT_THAT(volume.members, ElementsAre(NodeNumber{2}, NodeNumber{1}, NodeNumber{8}));
  EXPECT_EQ(shard_of(volume, NodeNumber{8}), 2) << "what it made";
  EXPECT_FALSE(applies(state, LeaveOut{JobId{1}, NodeNumber{8}})) << "it has switched";
}

TEST(TogetherCommands, LeaveTheMembersThatAreThereWhenGivenUp) {
  MasterState state = state_with_shards();
  ASSERT_TRUE(applies(state, repair({4, 1}, {7, 6}, {4, 1})));
  ASSERT_TRUE(applies(state, AdvanceJob{JobId{1}, JobStep::kFreeze}));
  ASSERT_TRUE(applies(state, AbandonJob{JobId{1}}));
  EXPECT_FALSE(applies(state, LeaveOut{JobId{1}, NodeNumber{7}}));
  ASSERT_TRUE(applies(state, AdvanceJob{JobId{1}, JobStep::kRelease}));
  EXPECT_THAT(state.volumes.at(VolumeId{1}).members,
              ElementsAre(NodeNumber{5}, NodeNumber{3}, NodeNumber{2}));
}

TEST(TogetherCommands, RefuseWhatDoesNotFit) {
  MasterState state = state_with_shards();
  EXPECT_FALSE(applies(state, repair({4, 1}, {7, 6}, {4, 0}))) << "shard 0 is there";
  EXPECT_FALSE(applies(state, repair({4, 1}, {7, 6}, {4, 4}))) << "one shard twice";
  EXPECT_FALSE(applies(state, repair({4, 1}, {7, 6}, {4, 5}))) << "no such shard";
  EXPECT_FALSE(applies(state, repair({4, 1}, {7, 7}, {4, 1}))) << "one node twice";
  EXPECT_FALSE(applies(state, repair({4, 1}, {7, 3}, {4, 1}))) << "a member";
  EXPECT_FALSE(applies(state, repair({4, 1}, {7, 4}, {4, 1}))) << "a lost one";
  EXPECT_FALSE(applies(state, repair({4, 1}, {7, 9}, {4, 1}))) << "no such node";
  EXPECT_FALSE(applies(state, repair({4, 1}, {7, 6}, {4})));
  EXPECT_FALSE(applies(state, repair({4}, {7, 6}, {4, 1}))) << "only shard 1 is missing";
  StartJob other = repair({4, 1}, {7, 6}, {4, 1});
  other.job.to = NodeNumber{6};
  EXPECT_FALSE(applies(state, other)) << "the first target is whom the job goes to";
  other = repair({}, {7, 6}, {4, 1});
  other.job.kind = JobKind::kMove;
  other.job.from = NodeNumber{1};
  EXPECT_FALSE(applies(state, other));
  EXPECT_TRUE(applies(state, repair({4, 1}, {7, 6}, {4, 1})));
}

TEST(TogetherState, IsWrittenAsTheFormatSaysAndReadAgain) {
  MasterState state = state_with_shards();
  ASSERT_TRUE(applies(state, repair({4, 1}, {7, 6}, {4, 1})));
  ASSERT_TRUE(applies(state, AdvanceJob{JobId{1}, JobStep::kFreeze}));
  const std::string bytes = encode_state(state);
  EXPECT_EQ(hex_encode(bytes), test::golden("master-state-v4-repair.hex"));
  EXPECT_EQ(bytes[4], 4);
  EXPECT_EQ(decode_state(bytes).value(), state);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_state(bytes.substr(0, size)).has_value()) << size;
  }
  JobRecord& job = state.jobs.at(JobId{1});
  job.step = JobStep::kVerify;
  EXPECT_EQ(decode_state(encode_state(state)).error().code(), Errc::kCorruption);
  job.step = JobStep::kCopy;
  job.shards = {4, 4};
  EXPECT_EQ(decode_state(encode_state(state)).error().code(), Errc::kCorruption);
  job.shards = {4, 1};
  job.to = NodeNumber{6};
  EXPECT_EQ(decode_state(encode_state(state)).error().code(), Errc::kCorruption);
  job.to = NodeNumber{7};
  ASSERT_TRUE(applies(state, AdvanceJob{JobId{1}, JobStep::kCopy}));
  ASSERT_TRUE(applies(state, AdvanceJob{JobId{1}, JobStep::kSwitch}));
  EXPECT_EQ(encode_state(state)[4], 3) << "masters of before read it again";
}

TEST(TogetherState, HasCommandsThatMastersOfTheVersionBeforeRefuse) {
  for (const Command& command :
       {Command(repair({4, 1}, {7, 6}, {4, 1})), Command(LeaveOut{JobId{3}, NodeNumber{6}})}) {
    const std::string bytes = encode_command(command);
    EXPECT_EQ(bytes[0], 4);
    EXPECT_TRUE(decode_command(bytes).value() == command);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      EXPECT_FALSE(decode_command(bytes.substr(0, size)).has_value()) << size;
    }
  }
  EXPECT_EQ(hex_encode(encode_command(LeaveOut{JobId{3}, NodeNumber{6}})),
            "0411030000000000000006000000");
  StartJob alone = repair({4}, {7}, {});
  alone.job.targets.clear();
  EXPECT_EQ(encode_command(alone)[0], 2) << "one shard is repaired as it always was";
}

// --- plans

/// A writable volume that its members have.
VolumeId add_striped(House& house, EcScheme scheme, const std::vector<std::uint32_t>& members) {
  const VolumeId id = house.state.next_volume;
  house.apply(CreateVolume{id, striped(scheme, members)});
  house.apply(ActivateVolume{id});
  for (const auto member : members) {
    house.beats[NodeNumber{member}].status.volumes.push_back(status_of(id, Generation{1}, 4096));
    house.hear(NodeNumber{member});
  }
  return id;
}

void lose(House& house, VolumeId volume, const std::vector<std::uint32_t>& nodes) {
  for (const auto node : nodes) {
    house.copy(node, volume).read_only = true;
    house.hear(NodeNumber{node});
  }
}

std::vector<StartJob> repairs(const House& house) {
  return plan_repairs(house.view(), Survey(house.view()), house.plan);
}

TEST(TogetherPlan, MakesAllThatIsLostWithOneJob) {
  House house(8);
  const VolumeId volume = add_striped(house, kTwoTwo, {1, 2, 3, 4});
  lose(house, volume, {2, 4});
  const auto planned = repairs(house);
  ASSERT_EQ(planned.size(), 1U);
  const JobRecord& job = planned[0].job;
  EXPECT_THAT(planned[0].lost, ElementsAre(NodeNumber{2}, NodeNumber{4}));
  EXPECT_THAT(job.shards, ElementsAre(1, 3));
  ASSERT_EQ(job.targets.size(), 2U);
  EXPECT_EQ(job.to, job.targets[0]);
  EXPECT_NE(job.targets[0], job.targets[1]);
  for (const NodeNumber target : job.targets) EXPECT_GT(target, NodeNumber{4});
  house.apply(planned[0]);
  EXPECT_THAT(repairs(house), IsEmpty());
}

TEST(TogetherPlan, MakesOneAloneWhereNoOtherNodeIsFoundOrNobodyWantsMore) {
  House house(6);
  const VolumeId volume = add_striped(house, kTwoTwo, {1, 2, 3, 4});
  lose(house, volume, {2});
  EXPECT_THAT(repairs(house).at(0).job.targets, IsEmpty()) << "one is lost";
  lose(house, volume, {4});
  EXPECT_EQ(repairs(house).at(0).job.targets.size(), 2U);
  house.plan.together = false;
  EXPECT_THAT(repairs(house).at(0).job.targets, IsEmpty()) << "masters of before are there";
  house.plan.together = true;
  house.apply(SetIntent{NodeNumber{6}, NodeIntent::kDraining});
  EXPECT_THAT(repairs(house).at(0).job.targets, IsEmpty());
  EXPECT_EQ(repairs(house).at(0).job.to, NodeNumber{5});
}

TEST(TogetherPlan, WaitsAMomentForAMemberThatFailedAlmostTogetherWithTheLostOne) {
  House house(8);
  const VolumeId volume = add_striped(house, kTwoTwo, {1, 2, 3, 4});
  const auto pass = [&house](const std::set<std::uint32_t>& silent) {
    house.now += seconds(1);
    for (const auto& [number, beat] : house.beats) {
      if (!silent.contains(number.value)) house.hear(number);
    }
  };
  pass({2});
  for (int i = 0; i < 60 && repairs(house).empty(); ++i) pass({2, 4});
  ASSERT_EQ(repairs(house).size(), 1U);
  EXPECT_EQ(repairs(house)[0].job.volume, volume);
  EXPECT_EQ(repairs(house)[0].job.targets.size(), 2U) << "one job, although 2 was lost first";
  // One that has been silent for less is not waited for.
  House other(8);
  add_striped(other, kTwoTwo, {1, 2, 3, 4});
  for (int i = 0; i < 60 && repairs(other).empty(); ++i) {
    other.now += seconds(1);
    for (const auto& [number, beat] : other.beats) {
      if (number.value != 2 && (number.value != 4 || i < 10)) other.hear(number);
    }
  }
  EXPECT_THAT(repairs(other).at(0).lost, ElementsAre(NodeNumber{2}));
}

TEST(TogetherPlan, CountsEachTargetAgainstWhatItsNodeMayDo) {
  House house(18);
  house.plan.jobs_per_node = 1;
  for (const std::uint32_t first : {1U, 5U, 9U, 13U}) {
    const VolumeId volume = add_striped(house, kTwoTwo, {first, first + 1, first + 2, first + 3});
    lose(house, volume, {first + 2, first + 3});
  }
  std::set<NodeNumber> used;
  std::size_t targets = 0;
  const auto planned = repairs(house);
  for (const StartJob& start : planned) {
    ASSERT_EQ(start.job.targets.size(), 2U) << "another node is found in the place of a busy one";
    targets += 2;
    used.insert(start.job.targets.begin(), start.job.targets.end());
  }
  EXPECT_EQ(used.size(), targets) << "one job a node";
  EXPECT_GT(planned.size(), 1U);
}

TEST(TogetherPlan, PutsNoMoreOnAMachineThanItMayHave) {
  House house(4);
  house.add_node("default", "default", {"host=a"});
  house.add_node("default", "default", {"host=a"});
  house.add_node("default", "default", {"host=a"});
  house.add_node("default", "default");
  const VolumeId volume = add_striped(house, kTwoThree, {5, 1, 2, 3, 4});
  lose(house, volume, {1, 2, 3});
  const auto planned = repairs(house);
  ASSERT_EQ(planned.size(), 1U);
  EXPECT_THAT(planned[0].job.targets,
              UnorderedElementsAre(NodeNumber{6}, NodeNumber{7}, NodeNumber{8}));
  house.state.volumes.at(volume).scheme = kTwoTwo;  // a machine may have two
  house.state.volumes.at(volume).members.pop_back();
  house.state.volumes.at(volume).shards.pop_back();
  lose(house, volume, {});
  house.copy(3, volume).read_only = false;
  house.hear(NodeNumber{3});
  for (const StartJob& start : repairs(house)) {
    const auto& targets = start.job.targets;
    EXPECT_THAT(targets, testing::Contains(NodeNumber{8}));
  }
}

// --- the service

/// A master with seven nodes and a volume of ec(2,2).
struct TogetherCluster : Rig {
  TogetherCluster() : Rig(1, 7) {
    options.placement.standard.large = kTwoTwo;
    EXPECT_TRUE(start_now().has_value());
    LeaseRequest request;
    request.large = true;
    auto taken = world.run(master->lease(std::move(request)));
    EXPECT_TRUE(taken.has_value());
    lease = taken.value_or(WriteLease{});
  }
  test::FakeNode& holder(std::uint8_t shard) {
    const auto member = std::ranges::find(lease.members, shard, &VolumeMember::shard);
    return *volumes.all.at(member->address);
  }
  /// Who has which shard now, as far as they are there.
  std::map<std::uint8_t, std::string> members() {
    std::map<std::uint8_t, std::string> out;
    const auto location = *world.run(master->locate(lease.volume));
    for (const VolumeMember& member : location.members) {
      const test::FakeNode& node = *volumes.all.at(member.address);
      if (node.up) out[member.shard] = member.address;
    }
    return out;
  }
  std::vector<std::string> spares() {
    std::vector<std::string> out;
    for (const auto& [address, node] : volumes.all) {
      const bool has =
          std::ranges::find(lease.members, address, &VolumeMember::address) != lease.members.end();
      if (!has) out.push_back(address);
    }
    return out;
  }
  WriteLease lease;
};

TEST(TogetherJobs, LetOneReadTheOthersForAll) {
  TogetherCluster cluster;
  cluster.holder(0).up = false;
  cluster.holder(3).up = false;
  ASSERT_TRUE(cluster.world.run(cluster.pass(45)).has_value());
  auto members = cluster.members();
  ASSERT_EQ(members.size(), 4U);
  const auto& first = cluster.volumes.all.at(members.at(0))->rebuilt_from;
  const auto& second = cluster.volumes.all.at(members.at(3))->rebuilt_from;
  ASSERT_EQ(first.size(), 1U);
  ASSERT_EQ(second.size(), 1U);
  EXPECT_EQ(first[0].shard, 0);
  EXPECT_THAT(first[0].others, ElementsAre(3));
  EXPECT_FALSE(first[0].maker);
  EXPECT_EQ(first[0].members.size(), 2U);
  EXPECT_EQ(second[0].shard, 3);
  EXPECT_THAT(second[0].others, IsEmpty());
  ASSERT_TRUE(second[0].maker);
  EXPECT_EQ(second[0].maker->address, members.at(0));
}

TEST(TogetherJobs, GoOnWithoutATargetThatIsGone) {
  TogetherCluster cluster;
  cluster.holder(0).up = false;
  cluster.holder(3).up = false;
  // Whoever of the spare ones is chosen: the one that is asked second breaks down.
  int asked = 0;
  std::string gone;
  for (const std::string& address : cluster.spares()) {
    cluster.volumes.all.at(address)->before_rebuild = [&, address] {
      if (++asked != 2) return;
      gone = address;
      cluster.volumes.all.at(address)->up = false;
    };
  }
  ASSERT_TRUE(cluster.world.run(cluster.pass(60)).has_value());
  EXPECT_GE(asked, 3);
  const auto members = cluster.members();
  EXPECT_EQ(members.size(), 4U) << "another job made the shard of the one that was left out";
  for (const auto& [shard, address] : members) EXPECT_NE(address, gone);
  EXPECT_TRUE(cluster.world.run(cluster.master->state()).jobs.empty());
}

TEST(TogetherJobs, GoOnWithoutATargetThatFailsAgainAndAgain) {
  TogetherCluster cluster;
  cluster.holder(0).up = false;
  cluster.holder(3).up = false;
  int asked = 0;
  std::string bad;
  for (const std::string& address : cluster.spares()) {
    test::FakeNode& node = *cluster.volumes.all.at(address);
    node.before_rebuild = [&, address] {
      if (++asked != 2) return;
      bad = address;
      node.spoils_rebuilds = true;
    };
  }
  ASSERT_TRUE(cluster.world.run(cluster.pass(50)).has_value());
  EXPECT_GE(cluster.members().size(), 3U) << "the sound one has its shard";
  for (const auto& [shard, address] : cluster.members()) EXPECT_NE(address, bad);
  EXPECT_GE(cluster.volumes.all.at(bad)->rebuilt_as.size(), 3U) << "it was tried again";
}

}  // namespace
}  // namespace kelp::master
