#include "master/core/placement.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <set>

#include "tests/unit/master/house.h"

namespace kelp::master {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;

TEST(Placement, UsesTheWritableVolume) {
  House house(1);
  const VolumeId volume = house.add_volume({1});
  EXPECT_EQ(house.decide()->use, volume);
  EXPECT_FALSE(house.decide()->grow);
}

TEST(Placement, WantsAVolumeForTheFirstWriteAndForEachCollection) {
  House house(1);
  EXPECT_TRUE(house.decide()->grow);
  house.add_volume({1});
  house.request.collection = "other";
  EXPECT_TRUE(house.decide()->grow);
  EXPECT_FALSE(house.decide()->use.has_value());
}

TEST(Placement, FinishesAVolumeThatWasBeingMade) {
  House house(1);
  VolumeRecord record;
  record.members = {NodeNumber{1}};
  house.apply(CreateVolume{VolumeId{1}, record});
  EXPECT_EQ(house.decide()->finish, VolumeId{1});
  EXPECT_FALSE(house.decide()->use.has_value());
}

TEST(Placement, SealsAFullVolumeAndCountsWhatIsPromised) {
  House house(1);
  house.options.volume_size_limit = 10'000;
  const VolumeId volume = house.add_volume({1}, 6'000);
  EXPECT_EQ(house.decide()->use, volume);
  house.promised.grant(volume, 4'000, MonoTime::max());
  EXPECT_EQ(house.decide()->full, std::vector{volume});
  EXPECT_TRUE(house.decide()->grow);
}

TEST(Placement, NeedsEveryMemberOfAVolumeInItsGeneration) {
  House house(3, 2);
  const VolumeId volume = house.add_volume({1, 2});
  EXPECT_EQ(house.decide()->use, volume);
  house.copy(2, volume).generation = Generation{2};
  house.hear(NodeNumber{2});
  EXPECT_FALSE(house.decide()->use.has_value());
  house.copy(2, volume).generation = Generation{1};
  house.copy(2, volume).read_only = true;
  house.hear(NodeNumber{2});
  EXPECT_FALSE(house.decide()->use.has_value());
}

TEST(Placement, TakesAnotherSetAtOnceWhenAMemberIsSilent) {
  House house(3, 2);
  house.options.writable_volumes = 2;
  const VolumeId first = house.add_volume({1, 2});
  const VolumeId second = house.add_volume({2, 3});
  house.pass(seconds(5), 1);
  EXPECT_EQ(house.decide()->use, second);
  EXPECT_TRUE(house.decide()->grow);
  house.hear(NodeNumber{1});
  house.promised.grant(second, 100, MonoTime::max());
  EXPECT_EQ(house.decide()->use, first);
}

/// The disk of `node` takes 100 times as long as the others'.
void slow_down(House& house, std::uint32_t node) {
  for (auto& [number, beat] : house.beats) beat.status.write_micros = 3'000;
  house.beats[NodeNumber{node}].status.write_micros = 300'000;
  house.hear_all_but(0);
  house.now += std::chrono::seconds(1);
  house.hear_all_but(0);
}

TEST(Placement, LeavesASlowDiskAloneWhileOthersCanTakeTheData) {
  House house(4, 2);
  house.add_volume({1, 2});
  const VolumeId quick = house.add_volume({3, 4});
  slow_down(house, 2);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(house.decide()->use, quick);
  for (std::uint64_t salt = 1; salt < 50; ++salt) {
    const auto members =
        choose_members(house.view(), {.spread = house.options.standard.spread}, 0, salt);
    EXPECT_EQ(std::ranges::count(*members, NodeNumber{2}), 0);
  }
}

TEST(Placement, WritesSlowlyRatherThanNotAtAll) {
  House house(2, 2);
  EXPECT_TRUE(can_avoid_slow(house.view(), {.spread = house.options.standard.spread}, 0));
  slow_down(house, 2);
  EXPECT_FALSE(can_avoid_slow(house.view(), {.spread = house.options.standard.spread}, 0));
  EXPECT_TRUE(
      choose_members(house.view(), {.spread = house.options.standard.spread}, 0, 1).has_value());
  const VolumeId volume = house.add_volume({1, 2});
  EXPECT_EQ(house.decide()->use, volume);
}

TEST(Spread, RepairsToASlowDiskOnlyWhenThereIsNoOther) {
  House house(4, 2);
  const VolumeId volume = house.add_volume({1, 4});
  slow_down(house, 2);
  const auto replacement = [&](std::uint64_t salt) {
    return choose_replacement(house.view(), house.state.volumes.at(volume), {NodeNumber{4}}, 0,
                              salt);
  };
  for (std::uint64_t salt = 1; salt < 50; ++salt) EXPECT_EQ(*replacement(salt), NodeNumber{3});
  house.apply(SetIntent{NodeNumber{3}, NodeIntent::kMaintenance});
  EXPECT_EQ(*replacement(1), NodeNumber{2});
}

TEST(Placement, SparesNodesThatOperatorsTookOut) {
  House house(2);
  const VolumeId volume = house.add_volume({1});
  house.apply(SetIntent{NodeNumber{1}, NodeIntent::kDraining});
  EXPECT_FALSE(house.decide()->use.has_value());
  EXPECT_EQ(*choose_members(house.view(), {}, 1, 1), std::vector{NodeNumber{2}});
  house.apply(SetIntent{NodeNumber{1}, NodeIntent::kActive});
  EXPECT_EQ(house.decide()->use, volume);
}

TEST(Placement, LeavesExcludedAndFrozenVolumesAlone) {
  House house(3, 2);
  house.options.writable_volumes = 2;
  const VolumeId first = house.add_volume({1, 2});
  const VolumeId second = house.add_volume({2, 3});
  house.request.exclude = {first};
  EXPECT_EQ(house.decide()->use, second);
  house.request.exclude.clear();
  house.apply(StartJob{
      {JobKind::kMove, JobStep::kFreeze, second, NodeNumber{3}, NodeNumber{1}}, Generation{1}, {}});
  EXPECT_EQ(house.decide()->use, first);
}

TEST(Placement, StopsMakingVolumesOnABrokenDisk) {
  House house(1);
  for (int i = 0; i < 5; ++i) {
    const VolumeId volume = house.add_volume({1});
    house.copy(1, volume).read_only = true;
  }
  house.hear(NodeNumber{1});
  const auto refused = house.decide();
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), Errc::kUnavailable);
  EXPECT_THAT(refused.error().detail(), HasSubstr("none of the 5 volumes"));
  house.copy(1, VolumeId{4}).read_only = false;
  house.hear(NodeNumber{1});
  EXPECT_EQ(house.decide()->use, VolumeId{4});
}

TEST(Placement, PrefersTheCallersRackThenTheEmptiest) {
  House house(0);
  house.options.writable_volumes = 3;
  house.add_node("dc", "r1");
  house.add_node("dc", "r2");
  const VolumeId one = house.add_volume({1}, 100);
  const VolumeId two = house.add_volume({2}, 5'000);
  EXPECT_EQ(house.decide()->use, one);
  house.request.rack = "r2";
  EXPECT_EQ(house.decide()->use, two);
}

TEST(Placement, SaysHowManyBytesAreMissing) {
  House house(1);
  const VolumeId volume = house.add_volume({1});
  house.options.free_reserve_bytes = 1ULL << 30;
  house.beats[NodeNumber{1}].status.free_bytes = (1ULL << 30) + 900;
  house.hear(NodeNumber{1});
  const auto refused = house.decide();
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), Errc::kNoSpace);
  EXPECT_THAT(refused.error().detail(), HasSubstr("100 are missing"));
  house.request.bytes = 900;
  EXPECT_TRUE(house.decide().has_value());
  house.promised.grant(volume, 1, MonoTime::max());
  EXPECT_FALSE(house.decide().has_value());
}

TEST(Placement, KeepsATwentiethOfASmallDisk) {
  House house(1);
  house.add_volume({1});
  house.options.free_reserve_bytes = 1ULL << 30;
  house.beats[NodeNumber{1}].status.total_bytes = 20'000;
  house.beats[NodeNumber{1}].status.free_bytes = 2'000;
  house.hear(NodeNumber{1});
  EXPECT_TRUE(house.decide().has_value());
  house.request.bytes = 1'001;
  EXPECT_FALSE(house.decide().has_value());
}

TEST(Spread, PutsCopiesExactlyAsFarApartAsItSays) {
  House house(0);
  for (const char* centre : {"east", "west"}) {
    for (const char* rack : {"a", "b", "c"}) {
      for (int i = 0; i < 3; ++i) house.add_node(centre, rack);
    }
  }
  for (std::uint8_t x = 0; x <= 1; ++x) {
    for (std::uint8_t y = 0; y <= 2; ++y) {
      for (std::uint8_t z = 0; z <= 2; ++z) {
        const Spread spread{x, y, z};
        for (std::uint64_t salt = 0; salt < 20; ++salt) {
          const auto members = choose_members(house.view(), {.spread = spread}, 1000, salt);
          ASSERT_TRUE(members.has_value()) << members.error().message();
          EXPECT_EQ(members->size(), copies_of(spread));
          EXPECT_EQ(std::set(members->begin(), members->end()).size(), members->size());
          EXPECT_TRUE(fits_spread(house.state, *members, spread));
        }
      }
    }
  }
}

TEST(Spread, NamesWhatIsMissingInsteadOfPlacingLess) {
  House house(2);
  house.apply(SetIntent{NodeNumber{2}, NodeIntent::kMaintenance});
  const auto refused = choose_members(house.view(), {.spread = Spread{0, 1, 1}}, 1000, 1);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), Errc::kUnavailable);
  EXPECT_THAT(refused.error().detail(),
              HasSubstr("3 copies (spread 011: 2 nodes in the same rack, 1 other rack of its data "
                        "centre) cannot be placed: 1 nodes in 1 racks in 1 data"));
  EXPECT_THAT(refused.error().detail(), HasSubstr("node-2 is draining or in maintenance"));
}

TEST(Spread, FavoursRoomInProportion) {
  House house(2);
  house.beats[NodeNumber{1}].status.free_bytes = 30ULL << 30;
  house.hear(NodeNumber{1});
  int first = 0;
  for (std::uint64_t salt = 0; salt < 1000; ++salt) {
    first += (*choose_members(house.view(), {}, 1, salt))[0] == NodeNumber{1} ? 1 : 0;
  }
  EXPECT_GT(first, 700);
  EXPECT_LT(first, 800);
}

TEST(Spread, ReplacesAMemberWithoutBendingTheRule) {
  House house(0);
  house.add_node("dc", "a");
  house.add_node("dc", "b");
  house.add_node("dc", "a");
  house.options.standard.spread = Spread{0, 1, 0};
  const VolumeId volume = house.add_volume({1, 2});
  const VolumeRecord& record = house.state.volumes.at(volume);
  EXPECT_EQ(*choose_replacement(house.view(), record, {NodeNumber{1}}, 1, 1), NodeNumber{3});
  EXPECT_FALSE(choose_replacement(house.view(), record, {NodeNumber{2}}, 1, 1).has_value());
}

}  // namespace
}  // namespace kelp::master
