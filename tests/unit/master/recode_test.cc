// Full volumes in shards that get another scheme or become copies: what is decided, written down,
// and in which order it is done.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "base/encoding.h"
#include "tests/support/golden.h"
#include "tests/unit/master/house.h"
#include "tests/unit/master/master_rig.h"
#include "tests/unit/master/volume_jobs.h"

namespace kelp::master {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr EcScheme kThreeTwo{.data = 3, .parity = 2};
constexpr EcScheme kTwoOne{.data = 2, .parity = 1};

StartJob change(const std::vector<std::uint32_t>& targets, EcScheme scheme = kThreeTwo) {
  return job_at(JobKind::kRecode, targets, scheme);
}
StartJob decode(const std::vector<std::uint32_t>& targets) {
  StartJob start = job_at(JobKind::kRecode, targets, {});
  start.job.spread.other_nodes = static_cast<std::uint8_t>(targets.size() - 1);
  return start;
}

TEST(RecodeCommands, TurnShardsIntoOthersStepByStep) {
  MasterState state = state_with_full(in_shards());
  const VolumeRecord before = state.volumes.at(VolumeId{1});
  ASSERT_TRUE(applies(state, change({5, 4, 3, 2, 1})));
  const VolumeRecord& volume = state.volumes.at(VolumeId{1});
  for (const JobStep step : {JobStep::kFreeze, JobStep::kPack, JobStep::kVerify}) {
    EXPECT_EQ(state.jobs.at(JobId{1}).step, step);
    EXPECT_TRUE(volume.frozen);
    EXPECT_EQ(volume.scheme, kTwoTwo) << "up to the switch the shards that are there are it";
    EXPECT_EQ(volume.members, before.members);
    EXPECT_EQ(volume.shards, before.shards);
    ASSERT_TRUE(applies(state, AdvanceJob{JobId{1}, step}));
  }
  EXPECT_EQ(volume.scheme, kThreeTwo);
  EXPECT_EQ(volume.generation, Generation{3});
  EXPECT_FALSE(volume.frozen);
  EXPECT_EQ(volume.members, nodes({5, 4, 3, 2, 1}));
  EXPECT_THAT(volume.shards, ElementsAre(0, 1, 2, 3, 4));
  EXPECT_FALSE(applies(state, AbandonJob{JobId{1}})) << "it has switched";
  ASSERT_TRUE(applies(state, AdvanceJob{JobId{1}, JobStep::kSwitch}));
  ASSERT_TRUE(applies(state, AdvanceJob{JobId{1}, JobStep::kRetire}));
  EXPECT_TRUE(state.jobs.empty());
}

TEST(RecodeCommands, TurnShardsIntoCopies) {
  MasterState state = state_with_full(in_shards());
  ASSERT_TRUE(applies(state, decode({5, 2})));
  advance(state, 3);
  const VolumeRecord& volume = state.volumes.at(VolumeId{1});
  EXPECT_FALSE(volume.scheme);
  EXPECT_EQ(volume.spread.other_nodes, 1);
  EXPECT_EQ(volume.members, nodes({5, 2}));
  EXPECT_THAT(volume.shards, IsEmpty());
  EXPECT_EQ(volume.phase, VolumePhase::kSealed);
  advance(state, 2);
  EXPECT_TRUE(state.jobs.empty());
  EXPECT_EQ(decode_state(encode_state(state)).value(), state);
}

TEST(RecodeCommands, AreGivenUpBeforeTheSwitch) {
  for (int steps = 0; steps < 3; ++steps) {
    MasterState state = state_with_full(in_shards());
    const VolumeRecord before = state.volumes.at(VolumeId{1});
    ASSERT_TRUE(applies(state, steps == 1 ? decode({5, 2}) : change({5, 4, 3, 2, 1})));
    advance(state, steps);
    ASSERT_TRUE(applies(state, AbandonJob{JobId{1}}));
    ASSERT_TRUE(applies(state, AdvanceJob{JobId{1}, JobStep::kRelease}));
    VolumeRecord expected = before;
    expected.generation = Generation{3};
    EXPECT_EQ(state.volumes.at(VolumeId{1}), expected);
  }
}

TEST(RecodeCommands, RefuseWhatDoesNotFit) {
  MasterState state = state_with_full(in_shards());
  EXPECT_FALSE(applies(state, change({1, 2, 3, 4}, kTwoTwo))) << "it is that already";
  EXPECT_FALSE(applies(state, change({1, 2, 3, 4})));
  EXPECT_FALSE(applies(state, change({1, 2, 3, 4, 4})));
  EXPECT_FALSE(applies(state, change({1, 2, 3, 4, 9})));
  EXPECT_FALSE(applies(state, change({1, 2, 3, 4}, {.data = 1, .parity = 3})));
  StartJob other = decode({1, 2});
  other.job.spread.other_racks = 1;
  EXPECT_FALSE(applies(state, other));
  other.job.spread.other_racks = 200;
  EXPECT_FALSE(applies(state, other));
  other = decode({1, 2});
  other.lost = {NodeNumber{1}};
  EXPECT_FALSE(applies(state, other));
  MasterState open = state;
  open.volumes.at(VolumeId{1}).phase = VolumePhase::kWritable;
  EXPECT_FALSE(applies(open, decode({1, 2})));
  MasterState copies = state;
  copies.volumes.at(VolumeId{1}).scheme = {};
  EXPECT_FALSE(applies(copies, change({5, 4, 3, 2, 1})));
  MasterState lacking = state;
  erase_member(lacking.volumes.at(VolumeId{1}), NodeNumber{3});
  EXPECT_FALSE(applies(lacking, decode({1, 2}))) << "what is missing is made first";
  ASSERT_TRUE(applies(state, decode({1, 5})));
  EXPECT_FALSE(applies(state, decode({1, 5}))) << "one job a volume";
  EXPECT_FALSE(applies(state, RemoveNode{NodeNumber{5}})) << "it gets a copy";
}

TEST(RecodeState, IsWrittenAsTheFormatSaysAndReadAgain) {
  const std::vector<std::pair<std::string, StartJob>> jobs = {
      {"master-state-v6-change.hex", change({5, 4, 3, 2, 1})},
      {"master-state-v6-decode.hex", decode({5, 2, 1})}};
  for (const auto& [file, start] : jobs) {
    MasterState state = state_with_full(in_shards());
    EXPECT_EQ(encode_state(state)[4], 3);
    ASSERT_TRUE(applies(state, start));
    advance(state, 1);
    const std::string bytes = encode_state(state);
    EXPECT_EQ(hex_encode(bytes), test::golden(file)) << file;
    EXPECT_EQ(decode_state(bytes).value(), state);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      EXPECT_FALSE(decode_state(bytes.substr(0, size)).has_value()) << size;
    }
    state.jobs.at(JobId{1}).step = JobStep::kCopy;
    EXPECT_EQ(decode_state(encode_state(state)).error().code(), Errc::kCorruption);
    state.jobs.at(JobId{1}).step = JobStep::kPack;
    advance(state, 4);
    EXPECT_EQ(encode_state(state)[4], start.job.scheme ? 3 : 2) << "nothing changes any more";
  }
}

TEST(RecodeState, RefusesMoreCopiesThanThereMayBe) {
  MasterState state = state_with_full(in_shards());
  ASSERT_TRUE(applies(state, decode({5, 2, 1})));
  state.jobs.at(JobId{1}).spread.other_racks = 9;
  state.jobs.at(JobId{1}).targets.resize(12, NodeNumber{1});
  EXPECT_EQ(decode_state(encode_state(state)).error().code(), Errc::kCorruption);
}

TEST(RecodeState, HasACommandThatMastersOfTheVersionBeforeRefuse) {
  for (const StartJob& start : {change({5, 4, 3, 2, 1}), decode({5, 2})}) {
    const Command command = start;
    EXPECT_EQ(encode_command(command)[0], 6);
    EXPECT_TRUE(decode_command(encode_command(command)).value() == command);
  }
}

// --- plans

/// Nodes of which the first four have a full volume of ec(2,2).
struct ShardHouse : House {
  explicit ShardHouse(std::uint32_t count = 6) : House(count, 2) {
    volume = state.next_volume;
    VolumeRecord record = in_shards();
    record.generation = Generation{1};
    apply(CreateVolume{volume, record});
    apply(ActivateVolume{volume});
    for (std::uint32_t node = 1; node <= 4; ++node) {
      beats[NodeNumber{node}].status.volumes.push_back(status_of(volume, Generation{1}, 2 << 20));
      hear(NodeNumber{node});
    }
  }
  [[nodiscard]] Result<StartJob> plan_to(EcScheme scheme, std::optional<Spread> spread = {}) const {
    return plan_recode(view(), *Survey(view()).find(volume), scheme, spread);
  }
  [[nodiscard]] std::string why(EcScheme scheme, std::optional<Spread> spread = {}) const {
    const auto planned = plan_to(scheme, spread);
    return planned.has_value() ? std::string() : planned.error().detail();
  }
  VolumeId volume;
};

TEST(RecodePlan, SaysWhyAVolumeStaysAsItIs) {
  ShardHouse house;
  EXPECT_THAT(house.why(kThreeTwo), HasSubstr("still takes needles"));
  house.apply(SealVolume{house.volume});
  EXPECT_EQ(house.why(kThreeTwo), "");
  EXPECT_EQ(house.why({}), "");
  EXPECT_THAT(house.why(kTwoTwo), HasSubstr("is ec(2,2) already"));
  EXPECT_THAT(house.why({.data = 1, .parity = 1}), HasSubstr("ec"));
  EXPECT_THAT(house.why({.data = 4, .parity = 4}), HasSubstr("needs 8 nodes"));
  EXPECT_THAT(house.why({}, Spread{.other_data_centres = 7, .other_racks = 7, .other_nodes = 7}),
              HasSubstr("at most 8 copies"));
  house.options.standard.seal = kTwoTwo;
  EXPECT_THAT(house.why({}), HasSubstr("would be sealed again"));
  EXPECT_EQ(house.why(kThreeTwo), "") << "it stays shards";
  house.options.standard.seal = {};
  house.copy(3, house.volume).read_only = true;
  house.hear(NodeNumber{3});
  EXPECT_THAT(house.why({}), HasSubstr("lacks a shard"));
  house.copy(3, house.volume).read_only = false;
  house.hear(NodeNumber{3});
  house.apply(*house.plan_to(kThreeTwo));
  EXPECT_THAT(house.why({}), HasSubstr("has a job"));
  const VolumeId copies = house.add_volume({1, 2});
  house.apply(SealVolume{copies});
  house.volume = copies;
  EXPECT_THAT(house.why({}), HasSubstr("lies in copies"));
}

TEST(RecodePlan, TakesTheCopiesOfTheClassUnlessOthersAreNamed) {
  ShardHouse house;
  house.apply(SealVolume{house.volume});
  EXPECT_EQ(house.plan_to({})->job.targets.size(), 2U);
  const Spread three{.other_data_centres = 0, .other_racks = 0, .other_nodes = 2};
  const StartJob start = *house.plan_to({}, three);
  EXPECT_EQ(start.job.targets.size(), 3U);
  EXPECT_EQ(start.job.spread, three);
  EXPECT_EQ(start.job.kind, JobKind::kRecode);
}

TEST(RecodePlan, NeedsRoomForWhatAllShardsHaveTogether) {
  ShardHouse house;
  house.apply(SealVolume{house.volume});
  const auto leave = [&house](std::uint64_t bytes) {
    for (auto& [node, beat] : house.beats) {
      beat.status.free_bytes = bytes;
      house.hear(node);
    }
  };
  leave(3 << 20);
  EXPECT_EQ(house.why(kThreeTwo), "");
  EXPECT_THAT(house.why({}), HasSubstr("has room for")) << "a copy has the bytes of two shards";
  leave(5 << 20);
  EXPECT_EQ(house.why({}), "");
}

TEST(RecodePlan, StaysOnTheTierOfTheVolume) {
  ShardHouse house(7);
  house.apply(SealVolume{house.volume});
  for (const std::uint32_t node : {2U, 3U, 5U, 6U, 7U}) {
    house.state.nodes.at(NodeNumber{node}).identity.tags = {"hdd"};
  }
  house.apply(SetVolumeTier{house.volume, "hdd"});
  const auto targets = house.plan_to(kThreeTwo)->job.targets;
  const auto tagged = nodes({2, 3, 5, 6, 7});
  EXPECT_EQ(std::set(targets.begin(), targets.end()), std::set(tagged.begin(), tagged.end()));
}

// --- the service

/// "address/shard" of each.
std::vector<std::string> names_of(const std::vector<VolumeMember>& members) {
  std::vector<std::string> names;
  for (const VolumeMember& member : members) {
    names.push_back(member.address + "/" + std::to_string(member.shard));
  }
  return names;
}

/// A master with six nodes, of which four have a full volume in shards.
struct ShardCluster : Rig {
  ShardCluster() : Rig(1, 6) {
    options.placement.standard.spread.other_nodes = 1;
    EXPECT_TRUE(start_now().has_value());
    const auto lease = lease_now(1);
    EXPECT_TRUE(lease.has_value());
    volume = lease->volume;
    EXPECT_TRUE(world.run(master->seal_volume(volume)).has_value());
    EXPECT_TRUE(recode(kTwoTwo).has_value());
    EXPECT_TRUE(world.run(pass(10)).has_value());
    before = location();
    EXPECT_EQ(before.scheme, kTwoTwo);
    for (const auto& [address, node] : volumes.all) {
      node->verified = 0;
      node->adopted = false;
      node->packed_from.clear();
    }
  }
  Result<std::uint64_t> recode(EcScheme scheme) {
    return world.run(master->pack_volume(volume, scheme, {}));
  }
  VolumeLocation location() { return *world.run(master->locate(volume)); }
  test::FakeNode& at(const std::string& address) { return *volumes.all.at(address); }
  /// Those who were members before.
  void each_member(const std::function<void(test::FakeNode&)>& visit) {
    for (const VolumeMember& member : before.members) visit(at(member.address));
  }
  void expect_as_before() {
    EXPECT_EQ(location().scheme, kTwoTwo);
    EXPECT_EQ(names_of(location().members), names_of(before.members));
    each_member([this](test::FakeNode& node) {
      ASSERT_NE(node.find(volume), nullptr);
      EXPECT_FALSE(node.find(volume)->frozen);
    });
    for (const auto& [address, node] : volumes.all) {
      EXPECT_FALSE(node->adopted) << address;
      EXPECT_FALSE(node->packed.has_value()) << address << " keeps what nobody wants";
    }
    EXPECT_TRUE(world.run(master->state()).jobs.empty());
  }
  VolumeId volume;
  VolumeLocation before;
};

TEST(RecodeJobs, MakeEverythingFromOneMemberAndRetireTheOthers) {
  for (const EcScheme scheme : {kThreeTwo, kTwoOne, EcScheme{}}) {
    SCOPED_TRACE(to_string(scheme));
    ShardCluster cluster;
    ASSERT_TRUE(cluster.recode(scheme).has_value());
    ASSERT_TRUE(cluster.world.run(cluster.pass(8)).has_value());
    const VolumeLocation location = cluster.location();
    EXPECT_EQ(location.scheme, scheme);
    ASSERT_EQ(location.members.size(), scheme ? scheme.shards() : 2U);
    std::set<std::string> readers;
    std::set<std::string> members;
    for (const VolumeMember& member : location.members) {
      test::FakeNode& node = cluster.at(member.address);
      members.insert(member.address);
      ASSERT_EQ(node.packed_from.size(), 1U);
      const PackSource& from = node.packed_from[0];
      EXPECT_EQ(from.shard, member.shard);
      EXPECT_EQ(from.scheme, scheme);
      EXPECT_EQ(from.from, kTwoTwo);
      EXPECT_EQ(names_of(from.members), names_of(cluster.before.members));
      readers.insert(from.copy.address);
      EXPECT_EQ(node.verified, 1);
      EXPECT_TRUE(node.adopted);
      EXPECT_EQ(node.find(cluster.volume)->generation, location.generation);
      EXPECT_FALSE(node.find(cluster.volume)->frozen);
    }
    EXPECT_EQ(readers.size(), 1U);
    for (const auto& [address, node] : cluster.volumes.all) {
      if (!members.contains(address)) EXPECT_EQ(node->find(cluster.volume), nullptr) << address;
    }
    EXPECT_TRUE(cluster.world.run(cluster.master->state()).jobs.empty());
  }
}

TEST(RecodeJobs, SwitchNothingWhenWhatWasMadeDiffers) {
  ShardCluster cluster;
  for (const auto& [address, node] : cluster.volumes.all) node->spoil_packs = 1000;
  ASSERT_TRUE(cluster.recode(kThreeTwo).has_value());
  ASSERT_TRUE(cluster.world.run(cluster.pass(60)).has_value());
  cluster.expect_as_before();
}

TEST(RecodeJobs, SwitchNothingWhenNoMemberKnowsAllNeedles) {
  ShardCluster cluster;
  std::uint64_t key = 10;
  cluster.each_member(
      [&key](test::FakeNode& node) { node.keys = {NeedleKey{1}, NeedleKey{key++}}; });
  ASSERT_TRUE(cluster.recode({}).has_value());
  ASSERT_TRUE(cluster.world.run(cluster.pass(60)).has_value());
  cluster.expect_as_before();
  cluster.each_member([](test::FakeNode& node) { EXPECT_THAT(node.packed_from, IsEmpty()); });
}

TEST(RecodeJobs, SwitchNothingWhenFewerNeedlesWereMadeThanAMemberKnows) {
  ShardCluster cluster;
  cluster.each_member([&cluster](test::FakeNode& node) {
    node.keys = {NeedleKey{1}, NeedleKey{2}, NeedleKey{3}};
    node.find(cluster.volume)->needle_count = 2;
  });
  ASSERT_TRUE(cluster.recode({}).has_value());
  ASSERT_TRUE(cluster.world.run(cluster.pass(60)).has_value());
  cluster.expect_as_before();
}

TEST(RecodeJobs, AskTheMemberThatKnowsAllNeedles) {
  ShardCluster cluster;
  cluster.each_member([&cluster](test::FakeNode& node) {
    node.keys = {NeedleKey{1}};
    node.find(cluster.volume)->needle_count = 2;
  });
  // A removal that only the others know of is not done: it comes again.
  const std::string& all = cluster.before.members[2].address;
  cluster.at(all).keys.insert(NeedleKey{2});
  ASSERT_TRUE(cluster.recode({}).has_value());
  ASSERT_TRUE(cluster.world.run(cluster.pass(10)).has_value());
  ASSERT_FALSE(cluster.location().scheme);
  for (const VolumeMember& member : cluster.location().members) {
    EXPECT_EQ(cluster.at(member.address).packed_from.at(0).copy.address, all);
  }
}

TEST(RecodeJobs, NeverTakeAShardForAnotherOne) {
  ShardCluster cluster;
  cluster.each_member([](test::FakeNode& node) { node.loses_packed = true; });
  ASSERT_TRUE(cluster.recode(kThreeTwo).has_value());
  for (int second = 0; second < 20; ++second) {
    ASSERT_TRUE(cluster.world.run(cluster.pass(1)).has_value());
    const VolumeLocation location = cluster.location();
    if (location.scheme != kThreeTwo) continue;
    cluster.each_member([&](test::FakeNode& node) {
      const VolumeStatus* const copy = node.find(cluster.volume);
      if (node.adopted || !node.rebuilt_from.empty() || copy == nullptr) return;
      EXPECT_LT(copy->generation, location.generation) << second;
    });
  }
}

TEST(RecodeJobs, AskNobodyElseWhenATargetIsFull) {
  ShardCluster cluster;
  for (const auto& [address, node] : cluster.volumes.all) {
    if (node->find(cluster.volume) != nullptr) continue;
    node->up = false;
    node->down = Errc::kNoSpace;
  }
  ASSERT_TRUE(cluster.recode(kThreeTwo).has_value());
  ASSERT_TRUE(cluster.world.run(cluster.pass(60)).has_value());
  cluster.expect_as_before();
  cluster.each_member([](test::FakeNode& node) { EXPECT_LE(node.packed_from.size(), 5U); });
}

TEST(RecodeJobs, RefuseWhatCannotBe) {
  ShardCluster cluster;
  EXPECT_EQ(cluster.recode(kTwoTwo).error().code(), Errc::kConflict);
  EXPECT_EQ(cluster.recode({.data = 6, .parity = 2}).error().code(), Errc::kUnavailable);
  const auto open = cluster.lease_now(1);
  ASSERT_TRUE(open.has_value());
  const auto copies = cluster.world.run(cluster.master->pack_volume(open->volume, {}, {}));
  EXPECT_EQ(copies.error().code(), Errc::kConflict);
  EXPECT_THAT(copies.error().detail(), HasSubstr("lies in copies"));
}

TEST(RecodeJobs, GoOnAfterARestart) {
  ShardCluster cluster;
  for (const auto& [address, node] : cluster.volumes.all) {
    if (node->find(cluster.volume) == nullptr) node->up = false;
  }
  ASSERT_TRUE(cluster.recode(kThreeTwo).has_value());
  cluster.world.run(cluster.stop());
  for (const auto& [address, node] : cluster.volumes.all) node->up = true;
  ASSERT_TRUE(cluster.start_now().has_value());
  ASSERT_TRUE(cluster.world.run(cluster.pass(30)).has_value());
  EXPECT_EQ(cluster.location().scheme, kThreeTwo);
}

}  // namespace
}  // namespace kelp::master
