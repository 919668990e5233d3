// Storage classes: volumes of another layout, on nodes with a tag.

#include <gmock/gmock.h>

#include <algorithm>

#include "tests/unit/master/house.h"

namespace kelp::master {
namespace {

using testing::HasSubstr;

constexpr EcScheme kTwoOne{.data = 2, .parity = 1};

/// Nodes 1 to 3 have quick disks, 4 to 7 large ones; STANDARD_IA lies on those.
struct TwoKinds : House {
  TwoKinds() : House(0, 2) {
    for (int i = 0; i < 3; ++i) add_node("default", "default", {"ssd"});
    for (int i = 0; i < 4; ++i) add_node("default", "default", {"hdd", "old"});
    options.standard.tag = "ssd";
    options.classes["STANDARD_IA"] = {.large = kTwoOne, .tag = "hdd"};
  }
  VolumeRecord record_of(const std::string& collection, bool large, std::uint64_t salt) {
    VolumeRecord record;
    record.collection = collection;
    const VolumeShape shape = shape_of(options.layout_of(collection), large);
    record.scheme = shape.scheme;
    record.spread = shape.spread;
    const auto members = choose_members(view(), shape, 1, salt);
    EXPECT_TRUE(members.has_value()) << members.error().message();
    if (members.has_value()) record.members = *members;
    for (std::uint8_t i = 0; i < record.scheme.shards(); ++i) record.shards.push_back(i);
    return record;
  }
};

bool all_between(const std::vector<NodeNumber>& members, std::uint32_t first, std::uint32_t last) {
  return std::ranges::all_of(
      members, [=](NodeNumber node) { return node.value >= first && node.value <= last; });
}

TEST(StorageClass, LiesOnNodesWithItsTagInItsOwnShape) {
  TwoKinds house;
  for (std::uint64_t salt = 1; salt < 40; ++salt) {
    const auto standard = house.record_of("", true, salt);
    EXPECT_EQ(standard.members.size(), 2u) << "no scheme: large needles lie in copies";
    EXPECT_TRUE(all_between(standard.members, 1, 3));
    const auto large = house.record_of("STANDARD_IA", true, salt);
    EXPECT_EQ(large.members.size(), 3u);
    EXPECT_TRUE(all_between(large.members, 4, 7));
    const auto small = house.record_of("STANDARD_IA", false, salt);
    EXPECT_EQ(small.members.size(), 1u) << "its own spread, not the standard one";
    EXPECT_TRUE(all_between(small.members, 4, 7));
    EXPECT_TRUE(all_between(house.record_of("photos", false, salt).members, 1, 3))
        << "other collections are standard";
  }
}

TEST(StorageClass, CountsTheRoomOfItsOwnNodesOnly) {
  TwoKinds house;
  house.request.collection = "STANDARD_IA";
  for (std::uint32_t node = 4; node <= 7; ++node) {
    house.beats[NodeNumber{node}].status.free_bytes = 10;
    house.hear(NodeNumber{node});
  }
  const auto refused = house.decide();
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), Errc::kNoSpace);
  house.request.collection = "";
  EXPECT_TRUE(house.decide()->grow);
}

TEST(StorageClass, SaysWhichNodesLackItsTag) {
  TwoKinds house;
  const VolumeShape shape{.scheme = {.data = 4, .parity = 1}, .tag = "hdd"};
  const auto refused = choose_members(house.view(), shape, 1, 1);
  ASSERT_FALSE(refused.has_value());
  EXPECT_THAT(refused.error().message(), HasSubstr("node-1 has no tag hdd"));
  EXPECT_THAT(refused.error().message(), HasSubstr("ec(4,1)"));
}

TEST(StorageClass, StaysOnItsNodesWhenItIsRepairedOrMoved) {
  TwoKinds house;
  VolumeRecord record;
  record.collection = "STANDARD_IA";
  record.members = {NodeNumber{4}};
  for (std::uint64_t salt = 1; salt < 40; ++salt) {
    const auto chosen = choose_replacement(house.view(), record, {NodeNumber{4}}, 1, salt);
    ASSERT_TRUE(chosen.has_value()) << chosen.error().message();
    EXPECT_GE(chosen->value, 5u);
  }
  EXPECT_FALSE(may_replace(house.view(), record, NodeNumber{4}, NodeNumber{1}));
  EXPECT_TRUE(may_replace(house.view(), record, NodeNumber{4}, NodeNumber{5}));
  record.collection = "";
  EXPECT_TRUE(may_replace(house.view(), record, NodeNumber{4}, NodeNumber{1}))
      << "so balance may bring it where it belongs now";
}

}  // namespace
}  // namespace kelp::master
