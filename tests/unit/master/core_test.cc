#include <gtest/gtest.h>

#include <fstream>

#include "base/bytes.h"
#include "base/crc.h"
#include "base/encoding.h"
#include "master/core/commands.h"
#include "master/core/reservations.h"
#include "master/core/state.h"

namespace kelp::master {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

std::string golden(const std::string& name) {
  std::ifstream file(std::string(KELP_SOURCE_DIR "/tests/golden/") + name);
  std::string hex;
  file >> hex;
  return hex;
}

NodeIdentity identity(const std::string& id) {
  return {id, "10.0.0.1:18080", "dc1", "rack1", {"ssd"}};
}

VolumeRecord record(VolumePhase phase) {
  VolumeRecord volume;
  volume.generation = Generation{2};
  volume.spread.other_nodes = 1;
  volume.phase = phase;
  volume.collection = "pictures";
  volume.members = {NodeNumber{1}, NodeNumber{2}};
  return volume;
}

MasterState sample() {
  MasterState state;
  state.cluster_id = "7d444840-9dc0-11d1-b245-5ffdce74fad2";
  state.key_mark = NeedleKey{1'048'577};
  state.key_blocks = {{NeedleKey{1}, WallTime(seconds(1'000'000'000))}};
  state.next_volume = VolumeId{10};
  state.next_node = NodeNumber{4};
  state.next_job = JobId{3};
  for (std::uint32_t i = 1; i <= 3; ++i) {
    state.nodes[NodeNumber{i}].identity = identity("node-" + std::to_string(i));
  }
  state.nodes[NodeNumber{2}].intent = NodeIntent::kDraining;
  state.volumes[VolumeId{3}] = record(VolumePhase::kSealed);
  state.volumes[VolumeId{9}] = record(VolumePhase::kCreating);
  state.open_volumes = {VolumeId{9}};
  state.jobs[JobId{2}] = {JobKind::kMove, JobStep::kCopy, VolumeId{3}, NodeNumber{2},
                          NodeNumber{3}};
  state.masters = {{1, "10.0.0.1:19333"}};
  state.lock = AdminLock{"amy@shell", 77, WallTime(seconds(1'000'000'060))};
  return state;
}

std::vector<Command> one_of_each() {
  MasterState empty;
  empty.cluster_id = "c";
  return {ReserveKeys{1'048'576, WallTime(seconds(1'000'000'000))},
          CreateVolume{VolumeId{4}, record(VolumePhase::kCreating)},
          ActivateVolume{VolumeId{4}},
          SealVolume{VolumeId{4}},
          DropVolume{VolumeId{5}},
          RegisterNode{identity("node-1")},
          SetIntent{NodeNumber{1}, NodeIntent::kMaintenance},
          RemoveNode{NodeNumber{1}},
          StartJob{{JobKind::kRepair, JobStep::kFreeze, VolumeId{4}, std::nullopt, NodeNumber{3}},
                   Generation{2},
                   {NodeNumber{1}, NodeNumber{2}}},
          AdvanceJob{JobId{1}, JobStep::kCopy},
          AbandonJob{JobId{1}},
          PauseJobs{true},
          SetMaster{2, "10.0.0.2:19333"},
          TakeLock{"amy@shell", 77, WallTime(seconds(5)), WallTime(seconds(65))},
          ImportState{encode_state(empty)}};
}

std::string with_crc(std::string bytes) {
  ByteWriter(bytes).fixed(crc32c(as_bytes(bytes)));
  return bytes;
}

/// Three nodes and volume 1, writable, on the first two.
MasterState house() {
  MasterState state;
  for (const char* id : {"node-1", "node-2", "node-3"}) {
    EXPECT_TRUE(apply_command(state, RegisterNode{identity(id)}).has_value());
  }
  VolumeRecord volume = record(VolumePhase::kCreating);
  volume.generation = Generation{1};
  EXPECT_TRUE(apply_command(state, CreateVolume{VolumeId{1}, volume}).has_value());
  EXPECT_TRUE(apply_command(state, ActivateVolume{VolumeId{1}}).has_value());
  return state;
}

StartJob move_of_volume_1() {
  return {{JobKind::kMove, JobStep::kFreeze, VolumeId{1}, NodeNumber{1}, NodeNumber{3}},
          Generation{1},
          {}};
}

/// Node 1 is dead, node 3 gets a copy.
StartJob repair_of_volume_1() {
  return {{JobKind::kRepair, JobStep::kFreeze, VolumeId{1}, std::nullopt, NodeNumber{3}},
          Generation{1},
          {NodeNumber{1}}};
}

const VolumeRecord& volume_1(const MasterState& state) {
  return state.volumes.at(VolumeId{1});
}

bool applies(MasterState& state, const Command& command) {
  const MasterState before = state;
  const bool applied = apply_command(state, command).has_value();
  if (!applied) EXPECT_EQ(state, before) << "a refused command changed the state";
  return applied;
}

TEST(MasterState, ReadsWhatItWrote) {
  const auto read = decode_state(encode_state(sample()));
  ASSERT_TRUE(read.has_value()) << read.error().message();
  EXPECT_EQ(*read, sample());
  EXPECT_EQ(*decode_state(encode_state(MasterState{})), MasterState{});
}

TEST(MasterState, KeepsItsGoldenBytes) {
  EXPECT_EQ(hex_encode(encode_state(sample())), golden("master-state-v2.hex"));
}

TEST(MasterState, ReadsVersionOneAndMakesNodesOfItsMembers) {
  const auto bytes = hex_decode(golden("master-state-v1.hex"));
  ASSERT_TRUE(bytes.has_value());
  const auto read = decode_state(*bytes);
  ASSERT_TRUE(read.has_value()) << read.error().message();
  EXPECT_EQ(read->key_mark, NeedleKey{1'048'577});
  EXPECT_EQ(read->next_volume, VolumeId{10});
  EXPECT_EQ(read->nodes.at(NodeNumber{1}).identity.node_id, "node-1");
  EXPECT_EQ(read->volumes.at(VolumeId{3}).members, std::vector{NodeNumber{1}});
  EXPECT_EQ(read->volumes.at(VolumeId{3}).phase, VolumePhase::kSealed);
  EXPECT_EQ(read->open_volumes, std::set{VolumeId{9}});
}

TEST(MasterState, RefusesEveryTruncationAndEveryFlippedBit) {
  const std::string good = encode_state(sample());
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(decode_state(std::string_view(good).substr(0, size)).has_value()) << size;
  }
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(decode_state(bad).has_value()) << bit;
  }
  EXPECT_FALSE(decode_state(good + "x").has_value());
}

TEST(MasterState, NamesBothVersionsOfANewerFormat) {
  std::string newer = encode_state(sample());
  newer[4] = 7;
  const auto read = decode_state(newer);
  ASSERT_FALSE(read.has_value());
  EXPECT_EQ(read.error().code(), Errc::kUnimplemented);
  EXPECT_NE(read.error().detail().find("format 7, this program knows 1 to 6"), std::string::npos);
}

TEST(MasterState, RefusesUnknownValuesUnderAGoodChecksum) {
  const auto refused = [](auto change) {
    MasterState state = sample();
    change(state);
    return decode_state(encode_state(state)).error().code() == Errc::kCorruption;
  };
  const VolumeId third{3};
  EXPECT_TRUE(refused([&](auto& s) { s.volumes[third].phase = static_cast<VolumePhase>(4); }));
  EXPECT_TRUE(refused([](auto& s) { s.volumes[VolumeId{10}] = record(VolumePhase::kWritable); }));
  EXPECT_TRUE(refused([&](auto& s) { s.volumes[third].members[0] = NodeNumber{4}; }));
  EXPECT_TRUE(refused([](auto& s) { s.jobs[JobId{3}] = s.jobs[JobId{2}]; }));
  EXPECT_TRUE(refused([](auto& s) { s.jobs[JobId{2}].step = static_cast<JobStep>(6); }));
  std::string longer = encode_state(sample());
  longer.resize(longer.size() - 4);
  EXPECT_EQ(decode_state(with_crc(longer + "x")).error().code(), Errc::kCorruption);
}

TEST(MasterCommands, MoveTheKeyMarkAndNeverWrapIt) {
  MasterState state;
  EXPECT_TRUE(applies(state, ReserveKeys{100, {}}));
  EXPECT_EQ(state.key_mark, NeedleKey{101});
  EXPECT_FALSE(applies(state, ReserveKeys{UINT64_MAX, {}}));
}

TEST(MasterCommands, RememberWhenKeysWereReservedForTwoDaysAndNeverBackwards) {
  MasterState state;
  const WallTime start(hours(1000));
  EXPECT_TRUE(applies(state, ReserveKeys{10, start}));
  EXPECT_TRUE(applies(state, ReserveKeys{10, start - hours(500)}));  // the clock was set back
  EXPECT_EQ(state.key_blocks.back().reserved, start);
  EXPECT_TRUE(applies(state, ReserveKeys{10, start + hours(47)}));
  EXPECT_EQ(state.key_blocks.size(), 3U);
  EXPECT_TRUE(applies(state, ReserveKeys{10, start + hours(96)}));
  EXPECT_EQ(state.key_blocks.front().first, NeedleKey{21});
}

TEST(MasterCommands, NeverUseAVolumeIdTwice) {
  MasterState state = house();
  VolumeRecord volume = record(VolumePhase::kCreating);
  EXPECT_TRUE(applies(state, CreateVolume{VolumeId{5}, volume}));
  EXPECT_EQ(state.next_volume, VolumeId{6});
  for (const std::uint32_t id : {0U, 1U, 5U, UINT32_MAX}) {
    EXPECT_FALSE(applies(state, CreateVolume{VolumeId{id}, volume})) << id;
  }
  EXPECT_TRUE(applies(state, DropVolume{VolumeId{5}}));
  EXPECT_FALSE(applies(state, CreateVolume{VolumeId{5}, volume}));
}

TEST(MasterCommands, WalkAVolumeThroughItsPhasesOnly) {
  MasterState state = house();
  const VolumeId id{2};
  EXPECT_FALSE(applies(state, ActivateVolume{id}));
  ASSERT_TRUE(applies(state, CreateVolume{id, record(VolumePhase::kCreating)}));
  EXPECT_FALSE(applies(state, SealVolume{id}));
  ASSERT_TRUE(applies(state, ActivateVolume{id}));
  EXPECT_FALSE(applies(state, ActivateVolume{id}));
  EXPECT_FALSE(applies(state, DropVolume{id}));
  EXPECT_TRUE(state.open_volumes.contains(id));
  ASSERT_TRUE(applies(state, SealVolume{id}));
  EXPECT_EQ(state.volumes.at(id).phase, VolumePhase::kSealed);
  EXPECT_FALSE(state.open_volumes.contains(id));
}

TEST(MasterCommands, GiveANodeOneNumberForEver) {
  MasterState state = house();
  NodeIdentity moved = identity("node-2");
  moved.address = "10.9.9.9:1";
  ASSERT_TRUE(applies(state, RegisterNode{moved}));
  EXPECT_EQ(state.nodes.at(NodeNumber{2}).identity.address, "10.9.9.9:1");
  ASSERT_TRUE(applies(state, RemoveNode{NodeNumber{3}}));
  ASSERT_TRUE(applies(state, RegisterNode{identity("node-3")}));
  EXPECT_EQ(state.find_node("node-3"), NodeNumber{4});
}

TEST(MasterCommands, KeepANodeThatAVolumeOrAJobNames) {
  MasterState state = house();
  EXPECT_FALSE(applies(state, RemoveNode{NodeNumber{1}}));
  ASSERT_TRUE(applies(state, move_of_volume_1()));
  EXPECT_FALSE(applies(state, RemoveNode{NodeNumber{3}}));
}

TEST(MasterCommands, MoveACopyThroughEveryStepAndRaiseTheGenerationTwice) {
  MasterState state = house();
  ASSERT_TRUE(applies(state, move_of_volume_1()));
  EXPECT_TRUE(volume_1(state).frozen);
  EXPECT_EQ(volume_1(state).generation, Generation{2});
  EXPECT_EQ(volume_1(state).members, (std::vector{NodeNumber{1}, NodeNumber{2}}));
  EXPECT_FALSE(applies(state, AdvanceJob{JobId{1}, JobStep::kCopy}));
  ASSERT_TRUE(applies(state, AdvanceJob{JobId{1}, JobStep::kFreeze}));
  ASSERT_TRUE(applies(state, AdvanceJob{JobId{1}, JobStep::kCopy}));
  EXPECT_FALSE(volume_1(state).frozen);
  EXPECT_EQ(volume_1(state).generation, Generation{3});
  EXPECT_EQ(volume_1(state).members, (std::vector{NodeNumber{3}, NodeNumber{2}}));
  EXPECT_FALSE(applies(state, AbandonJob{JobId{1}}));
  ASSERT_TRUE(applies(state, AdvanceJob{JobId{1}, JobStep::kSwitch}));
  ASSERT_TRUE(applies(state, AdvanceJob{JobId{1}, JobStep::kRetire}));
  EXPECT_TRUE(state.jobs.empty());
}

TEST(MasterCommands, TakeADeadMemberOutBeforeTheCopyBegins) {
  MasterState state = house();
  ASSERT_TRUE(applies(state, repair_of_volume_1()));
  EXPECT_EQ(volume_1(state).members, std::vector{NodeNumber{2}});
  ASSERT_TRUE(applies(state, AdvanceJob{JobId{1}, JobStep::kFreeze}));
  ASSERT_TRUE(applies(state, AdvanceJob{JobId{1}, JobStep::kCopy}));
  EXPECT_EQ(volume_1(state).members, (std::vector{NodeNumber{2}, NodeNumber{3}}));
}

TEST(MasterCommands, ThawAVolumeWhoseJobIsGivenUp) {
  MasterState state = house();
  ASSERT_TRUE(applies(state, move_of_volume_1()));
  ASSERT_TRUE(applies(state, AbandonJob{JobId{1}}));
  EXPECT_FALSE(volume_1(state).frozen);
  EXPECT_EQ(volume_1(state).generation, Generation{3});
  EXPECT_EQ(volume_1(state).members, (std::vector{NodeNumber{1}, NodeNumber{2}}));
  ASSERT_TRUE(applies(state, AdvanceJob{JobId{1}, JobStep::kRelease}));
  EXPECT_TRUE(state.jobs.empty());
}

TEST(MasterCommands, RefuseAJobThatDoesNotFitTheVolume) {
  MasterState state = house();
  StartJob wrong = move_of_volume_1();
  wrong.expected = Generation{7};
  EXPECT_FALSE(applies(state, wrong));
  wrong = move_of_volume_1();
  wrong.job.to = NodeNumber{2};  // has a copy already
  EXPECT_FALSE(applies(state, wrong));
  wrong = move_of_volume_1();
  wrong.job.from = NodeNumber{3};  // has none
  EXPECT_FALSE(applies(state, wrong));
  ASSERT_TRUE(applies(state, move_of_volume_1()));
  StartJob second = move_of_volume_1();
  second.expected = Generation{2};
  EXPECT_FALSE(applies(state, second)) << "two jobs on one volume";
}

TEST(MasterCommands, NeverRepairAVolumeFromNothing) {
  MasterState state = house();
  state.volumes.at(VolumeId{1}).members = {NodeNumber{1}};
  EXPECT_FALSE(applies(state, repair_of_volume_1()));
}

TEST(MasterCommands, LetOneHoldTheLockUntilItExpires) {
  MasterState state;
  const WallTime now(seconds(100));
  ASSERT_TRUE(applies(state, TakeLock{"amy", 1, now, now + seconds(60)}));
  EXPECT_FALSE(applies(state, TakeLock{"bob", 2, now + seconds(59), now + seconds(99)}));
  ASSERT_TRUE(applies(state, TakeLock{"amy", 1, now + seconds(59), now + seconds(119)}));
  ASSERT_TRUE(applies(state, TakeLock{"bob", 2, now + seconds(119), now + seconds(200)}));
  ASSERT_TRUE(applies(state, TakeLock{"bob", 2, now + seconds(120), now}));
  EXPECT_FALSE(state.lock.has_value());
}

TEST(MasterCommands, LetNoLockOfAClockThatWasAheadBindAnybody) {
  MasterState state;
  const WallTime now(seconds(1'000'000));
  const WallTime tomorrow = now + std::chrono::hours(24);
  ASSERT_TRUE(applies(state, TakeLock{"amy", 1, tomorrow, tomorrow + seconds(60)}));
  EXPECT_TRUE(applies(state, TakeLock{"bob", 2, now, now + kMostLockTime}));
  EXPECT_FALSE(applies(state, TakeLock{"amy", 1, now, now + seconds(60)}));
}

TEST(MasterCommands, ImportAStateOnlyWhereNothingHappenedYet) {
  MasterState old = sample();
  MasterState state;
  state.cluster_id = "another";
  EXPECT_FALSE(applies(state, ImportState{encode_state(old)}));
  state.cluster_id = old.cluster_id;
  state.masters = {{9, "here:1"}};
  ASSERT_TRUE(applies(state, ImportState{encode_state(old)}));
  EXPECT_EQ(state.key_mark, old.key_mark);
  EXPECT_EQ(state.masters, (std::map<std::uint64_t, std::string>{{9, "here:1"}}));
  EXPECT_FALSE(applies(state, ImportState{encode_state(old)}));
}

TEST(MasterCommands, ReadWhatTheyWroteAndRefuseTheRest) {
  std::string together;
  for (const Command& command : one_of_each()) {
    const std::string bytes = encode_command(command);
    together += bytes;
    const auto read = decode_command(bytes);
    ASSERT_TRUE(read.has_value()) << read.error().message();
    EXPECT_TRUE(*read == command);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      EXPECT_FALSE(decode_command(std::string_view(bytes).substr(0, size)).has_value());
    }
    EXPECT_FALSE(decode_command(bytes + "x").has_value());
  }
  EXPECT_EQ(hex_encode(together), golden("master-commands-v2.hex"));
  EXPECT_EQ(decode_command("\x02\x63").error().code(), Errc::kUnimplemented);
  EXPECT_EQ(decode_command("\x07\x01").error().code(), Errc::kUnimplemented);
}

TEST(Reservations, EndByReleaseOrByTime) {
  Reservations promised;
  const VolumeId a{1};
  const VolumeId b{2};
  promised.grant(a, 100, MonoTime(seconds(10)));
  promised.grant(a, 50, MonoTime(seconds(20)));
  promised.grant(b, 7, MonoTime(seconds(10)));
  EXPECT_EQ(promised.total(), 157u);
  promised.release(a, 120);
  EXPECT_EQ(promised.of(a), 30u);
  promised.expire(MonoTime(seconds(10)));
  EXPECT_EQ(promised.total(), 30u);
  promised.release(a, 1000);
  promised.release(VolumeId{9}, 1);
  EXPECT_EQ(promised.total(), 0u);
}

}  // namespace
}  // namespace kelp::master
