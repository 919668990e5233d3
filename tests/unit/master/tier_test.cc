// Volumes that are kept on other nodes than their storage class says.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/encoding.h"
#include "tests/support/golden.h"
#include "tests/unit/master/house.h"
#include "tests/unit/master/master_rig.h"

namespace kelp::master {
namespace {

/// Nodes 1 to 3 are quick, 4 to 6 large; two copies on quick ones.
struct Tiers : House {
  Tiers() : House(0, 2) {
    options.standard.tag = "ssd";
    for (int i = 0; i < 3; ++i) add_node("default", "default", {"ssd"});
    for (int i = 0; i < 3; ++i) add_node("default", "default", {"hdd"});
  }
  VolumeId add_sealed(const std::vector<std::uint32_t>& members) {
    const VolumeId volume = add_volume(members);
    apply(SealVolume{volume});
    return volume;
  }
  [[nodiscard]] std::vector<StartJob> moves() const {
    return plan_moves(view(), Survey(view()), plan);
  }
  /// A move that is done, in the state and on the nodes.
  void finish(const StartJob& start) {
    VolumeRecord& volume = state.volumes.at(start.job.volume);
    std::ranges::replace(volume.members, *start.job.from, start.job.to);
    VolumeStatus copy = status_of(start.job.volume, volume.generation);
    auto& old = beats[*start.job.from].status.volumes;
    std::erase_if(old, [&](const VolumeStatus& each) { return each.volume == copy.volume; });
    beats[start.job.to].status.volumes.push_back(copy);
    hear(*start.job.from);
    hear(start.job.to);
  }
};

TEST(Tier, BringsAVolumeToOtherNodesMemberByMemberAndKeepsItThere) {
  Tiers house;
  const VolumeId volume = house.add_sealed({1, 2});
  const VolumeId other = house.add_sealed({1, 2});
  EXPECT_TRUE(house.moves().empty());
  house.apply(SetVolumeTier{volume, "hdd"});
  for (int step = 0; step < 2; ++step) {
    const auto moves = house.moves();
    ASSERT_EQ(moves.size(), 1U);
    EXPECT_EQ(moves[0].job.volume, volume);
    EXPECT_LE(moves[0].job.from->value, 3U);
    EXPECT_GE(moves[0].job.to.value, 4U);
    house.finish(moves[0]);
  }
  EXPECT_TRUE(house.moves().empty());
  const VolumeRecord& record = house.state.volumes.at(volume);
  EXPECT_FALSE(may_replace(house.view(), record, record.members[0], NodeNumber{1}));
  EXPECT_GE(choose_replacement(house.view(), record, {record.members[0]}, 1, 1)->value, 4U);
  EXPECT_TRUE(
      may_replace(house.view(), house.state.volumes.at(other), NodeNumber{1}, NodeNumber{3}));
  // And back, as its class says.
  house.apply(SetVolumeTier{volume, ""});
  EXPECT_TRUE(may_replace(house.view(), record, record.members[0], NodeNumber{1}));
}

TEST(Tier, WaitsForRepairsAndForRoom) {
  Tiers house;
  const VolumeId volume = house.add_sealed({1, 2});
  house.apply(SetVolumeTier{volume, "hdd"});
  house.copy(2, volume).read_only = true;
  house.hear(NodeNumber{2});
  EXPECT_TRUE(house.moves().empty()) << "a copy is missing";
  EXPECT_GE(plan_repairs(house.view(), Survey(house.view()), house.plan).at(0).job.to.value, 4U);
  house.copy(2, volume).read_only = false;
  house.hear(NodeNumber{2});
  EXPECT_EQ(house.moves().size(), 1U);
  for (std::uint32_t node = 4; node <= 6; ++node) {
    house.beats[NodeNumber{node}].status.free_bytes = 0;
    house.hear(NodeNumber{node});
  }
  EXPECT_TRUE(house.moves().empty());
}

TEST(Tier, IsOfSealedVolumesOnly) {
  Tiers house;
  const VolumeId volume = house.add_volume({1, 2});
  EXPECT_EQ(apply_command(house.state, SetVolumeTier{volume, "hdd"}).error().code(),
            Errc::kConflict);
  EXPECT_EQ(apply_command(house.state, SetVolumeTier{VolumeId{77}, "hdd"}).error().code(),
            Errc::kNotFound);
}

TEST(Tier, IsWrittenAsTheFormatSaysAndReadAgain) {
  MasterState state;
  state.cluster_id = "7d444840-9dc0-11d1-b245-5ffdce74fad2";
  const NodeIdentity node{"node-1", "10.0.0.1:18080", "dc1", "rack1", {"hdd"}};
  ASSERT_TRUE(apply_command(state, RegisterNode{node}).has_value());
  for (std::uint32_t id = 1; id <= 3; ++id) {
    VolumeRecord record;
    record.members = {NodeNumber{1}};
    ASSERT_TRUE(apply_command(state, CreateVolume{VolumeId{id}, record}).has_value());
    ASSERT_TRUE(apply_command(state, ActivateVolume{VolumeId{id}}).has_value());
    ASSERT_TRUE(apply_command(state, SealVolume{VolumeId{id}}).has_value());
  }
  EXPECT_EQ(encode_state(state)[4], 2) << "masters of versions before read it";
  ASSERT_TRUE(apply_command(state, SetVolumeTier{VolumeId{2}, "hdd"}).has_value());
  ASSERT_TRUE(apply_command(state, SetVolumeTier{VolumeId{3}, "tape"}).has_value());
  const std::string bytes = encode_state(state);
  EXPECT_EQ(hex_encode(bytes), test::golden("master-state-v4.hex"));
  const auto read = decode_state(bytes);
  ASSERT_TRUE(read.has_value()) << read.error().message();
  EXPECT_EQ(*read, state);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_state(bytes.substr(0, size)).has_value()) << size;
  }
  const Command command = SetVolumeTier{VolumeId{2}, "hdd"};
  const std::string encoded = encode_command(command);
  EXPECT_EQ(hex_encode(encoded), "04100200000003686464");
  EXPECT_TRUE(decode_command(encoded).value() == command);
  EXPECT_FALSE(decode_command(std::string_view(encoded).substr(0, encoded.size() - 1)).has_value());
}

TEST(Tier, IsRefusedWhereNoNodeHasIt) {
  Rig rig;
  ASSERT_TRUE(rig.start_now().has_value());
  const VolumeId volume = rig.lease_now(1)->volume;
  ASSERT_TRUE(rig.world.run(rig.master->seal_volume(volume)).has_value());
  EXPECT_EQ(rig.world.run(rig.master->set_volume_tier(volume, "tape")).error().code(),
            Errc::kInvalidArgument);
  EXPECT_TRUE(rig.world.run(rig.master->set_volume_tier(volume, "")).has_value());
}

}  // namespace
}  // namespace kelp::master
