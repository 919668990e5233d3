#include "master/core/placement.h"

#include <gtest/gtest.h>

namespace kelp::master {
namespace {

/// A cluster of one node with volume 1, 10 GiB free.
struct House {
  House() {
    node.node_id = "node-1";
    node.total_bytes = 100ULL << 30;
    node.free_bytes = 10ULL << 30;
    add(1);
  }
  void add(std::uint32_t id) {
    state.volumes[VolumeId{id}] = {Generation{1}, Scheme{}, VolumePhase::kWritable, "", {"node-1"}};
    node.volumes.push_back({.volume = VolumeId{id}, .generation = Generation{1}});
    state.next_volume = VolumeId{id + 1};
  }
  Result<Placement> decide() { return place(state, node, promised, request, options); }

  MasterState state;
  NodeStatus node;
  Reservations promised;
  LeaseRequest request{.key_count = 1, .bytes = 1000};
  PlacementOptions options;
};

TEST(Placement, UsesTheWritableVolume) {
  House house;
  const auto decided = house.decide();
  ASSERT_TRUE(decided.has_value());
  EXPECT_EQ(decided->kind, Placement::Kind::kUse);
  EXPECT_EQ(decided->volume, VolumeId{1});
}

TEST(Placement, WantsANewVolumeForTheFirstWriteAndForEachCollection) {
  House house;
  house.request.collection = "other";
  EXPECT_EQ(house.decide()->kind, Placement::Kind::kCreate);
}

TEST(Placement, FinishesAVolumeThatWasBeingMade) {
  House house;
  house.state.volumes.at(VolumeId{1}).phase = VolumePhase::kCreating;
  house.node.volumes.clear();
  EXPECT_EQ(house.decide()->kind, Placement::Kind::kFinish);
  EXPECT_EQ(house.decide()->volume, VolumeId{1});
}

TEST(Placement, SealsAFullVolumeAndCountsWhatIsPromised) {
  House house;
  house.options.volume_size_limit = 10'000;
  house.node.volumes[0].file_bytes = 6'000;
  EXPECT_EQ(house.decide()->kind, Placement::Kind::kUse);
  house.promised.grant(VolumeId{1}, 4'000, WallTime::max());
  EXPECT_EQ(house.decide()->kind, Placement::Kind::kCreate);
  EXPECT_EQ(house.decide()->full, std::vector{VolumeId{1}});
}

TEST(Placement, NeverTrustsAnotherGenerationOrAnotherNode) {
  House house;
  house.node.volumes[0].generation = Generation{2};
  EXPECT_EQ(house.decide()->kind, Placement::Kind::kCreate);
  EXPECT_EQ(trusted_status(house.state, house.node, VolumeId{1}), nullptr);
  house.node.volumes[0].generation = Generation{1};
  EXPECT_NE(trusted_status(house.state, house.node, VolumeId{1}), nullptr);
  house.node.node_id = "node-2";
  EXPECT_EQ(trusted_status(house.state, house.node, VolumeId{1}), nullptr);
  EXPECT_EQ(house.decide()->kind, Placement::Kind::kCreate);
}

TEST(Placement, LeavesReadOnlyExcludedAndMissingVolumesAlone) {
  House house;
  house.node.volumes[0].read_only = true;
  EXPECT_EQ(house.decide()->kind, Placement::Kind::kCreate);
  house.node.volumes[0].read_only = false;
  house.request.exclude = {VolumeId{1}};
  EXPECT_EQ(house.decide()->kind, Placement::Kind::kCreate);
  house.request.exclude.clear();
  house.node.volumes.clear();
  EXPECT_EQ(house.decide()->kind, Placement::Kind::kCreate);
}

TEST(Placement, StopsMakingVolumesOnABrokenDisk) {
  House house;
  for (std::uint32_t id = 2; id <= 5; ++id) house.add(id);
  for (auto& volume : house.node.volumes) volume.read_only = true;
  const auto refused = house.decide();
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), Errc::kUnavailable);
  house.node.volumes[3].read_only = false;
  EXPECT_EQ(house.decide()->volume, VolumeId{4});
}

TEST(Placement, FillsTheEmptiestOfSeveral) {
  House house;
  house.options.writable_volumes = 2;
  EXPECT_EQ(house.decide()->kind, Placement::Kind::kCreate);
  house.add(2);
  house.node.volumes[0].file_bytes = 5'000;
  EXPECT_EQ(house.decide()->volume, VolumeId{2});
  house.promised.grant(VolumeId{2}, 6'000, WallTime::max());
  EXPECT_EQ(house.decide()->volume, VolumeId{1});
}

TEST(Placement, SaysHowManyBytesAreMissing) {
  House house;
  house.node.free_bytes = (1ULL << 30) + 900;
  const auto refused = house.decide();
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), Errc::kNoSpace);
  EXPECT_NE(refused.error().detail().find("100 are missing"), std::string::npos)
      << refused.error().detail();
  house.request.bytes = 900;
  EXPECT_TRUE(house.decide().has_value());
  house.promised.grant(VolumeId{1}, 1, WallTime::max());
  EXPECT_FALSE(house.decide().has_value());
}

TEST(Placement, KeepsATwentiethOfASmallDisk) {
  House house;
  house.node.total_bytes = 20'000;
  house.node.free_bytes = 2'000;
  EXPECT_TRUE(house.decide().has_value());
  house.request.bytes = 1'001;
  EXPECT_FALSE(house.decide().has_value());
}

}  // namespace
}  // namespace kelp::master
