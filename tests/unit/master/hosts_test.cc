// Machines with several disks, each of which is a node: how much of a volume one machine may have.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "tests/unit/master/house.h"

namespace kelp::master {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;

constexpr EcScheme kEightFour{.data = 8, .parity = 4};

/// Machines, by name, each with so many disks in one rack.
struct Machines : House {
  explicit Machines(const std::vector<int>& disks) : House(0) {
    for (std::size_t i = 0; i < disks.size(); ++i) {
      const std::string name = "host=m" + std::to_string(i);
      for (int disk = 0; disk < disks[i]; ++disk) add_node("default", "default", {"hdd", name});
    }
  }
  [[nodiscard]] std::map<std::string_view, int> counts(
      const std::vector<NodeNumber>& members) const {
    std::map<std::string_view, int> out;
    for (const NodeNumber member : members) ++out[host_of(state.nodes.at(member).identity)];
    return out;
  }
  [[nodiscard]] int most(const std::vector<NodeNumber>& members) const {
    int out = 0;
    for (const auto& [host, count] : counts(members)) out = std::max(out, count);
    return out;
  }
};

VolumeRecord record_of(const std::vector<std::uint32_t>& members, Spread spread,
                       EcScheme scheme = {}) {
  VolumeRecord record;
  record.generation = Generation{1};
  record.spread = spread;
  record.scheme = scheme;
  for (const auto member : members) {
    if (scheme) record.shards.push_back(static_cast<std::uint8_t>(record.members.size()));
    record.members.emplace_back(member);
  }
  return record;
}

TEST(Hosts, AreSaidByATag) {
  EXPECT_EQ(host_of({"id", "a:1", "dc", "r", {"ssd", "host=box"}}), "box");
  EXPECT_EQ(host_of({"id", "a:1", "dc", "r", {"ssd", "ghost=box"}}), "id");
}

TEST(Hosts, HaveOneCopyOfAVolume) {
  Machines house({4, 4, 4});
  for (std::uint64_t salt = 0; salt < 100; ++salt) {
    const auto members = choose_members(house.view(), {.spread = {0, 0, 2}}, 1000, salt);
    ASSERT_TRUE(members.has_value()) << members.error().message();
    EXPECT_EQ(house.most(*members), 1);
  }
}

TEST(Hosts, RefuseCopiesRatherThanPutTwoOnOne) {
  Machines house({4, 4});
  const auto refused = choose_members(house.view(), {.spread = {0, 0, 2}}, 1000, 1);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), Errc::kUnavailable);
  EXPECT_THAT(refused.error().detail(), HasSubstr("on 2 machines of which each may have 1"));
  house.options.share_hosts = true;
  for (std::uint64_t salt = 0; salt < 50; ++salt) {
    const auto shared = choose_members(house.view(), {.spread = {0, 0, 2}}, 1000, salt);
    ASSERT_TRUE(shared.has_value()) << shared.error().message();
    const auto apart = choose_members(house.view(), {.spread = {0, 0, 1}}, 1000, salt);
    EXPECT_EQ(house.most(*apart), 1) << "where there are enough machines each has one all the same";
  }
}

TEST(Hosts, HaveNoMoreShardsThanTheSchemeCanLose) {
  Machines house({4, 4, 4, 4});
  for (std::uint64_t salt = 0; salt < 100; ++salt) {
    const auto members = choose_members(house.view(), {.scheme = kEightFour}, 1000, salt);
    ASSERT_TRUE(members.has_value()) << members.error().message();
    for (const auto& [host, count] : house.counts(*members)) EXPECT_EQ(count, 3);
  }
  Machines uneven({8, 4, 4});
  for (std::uint64_t salt = 0; salt < 100; ++salt) {
    const auto members = choose_members(uneven.view(), {.scheme = kEightFour}, 1000, salt);
    ASSERT_TRUE(members.has_value()) << members.error().message();
    EXPECT_EQ(uneven.most(*members), 4);
  }
  // To be even over racks comes second.
  Machines racks({});
  for (int disk = 0; disk < 8; ++disk) racks.add_node("default", "alone", {"host=large"});
  for (const char* host : {"host=a", "host=b", "host=c"}) {
    for (int disk = 0; disk < 4; ++disk) racks.add_node("default", "shared", {host});
  }
  for (std::uint64_t salt = 0; salt < 20; ++salt) {
    const auto members = choose_members(racks.view(), {.scheme = kEightFour}, 1000, salt);
    ASSERT_TRUE(members.has_value()) << members.error().message();
    EXPECT_EQ(racks.counts(*members)["large"], 4);
  }
}

TEST(Hosts, RefuseShardsThatOneMachineWouldTakeWithIt) {
  Machines house({12, 4});
  const auto refused = choose_members(house.view(), {.scheme = kEightFour}, 1000, 1);
  ASSERT_FALSE(refused.has_value());
  EXPECT_THAT(refused.error().detail(), HasSubstr("16 do, on 2 machines of which each may have 4"));
  EXPECT_FALSE(can_avoid_slow(house.view(), {.scheme = kEightFour}, 1000));
  // One machine, and its disks may be lost one by one.
  house.options.share_hosts = true;
  EXPECT_EQ(choose_members(house.view(), {.scheme = kEightFour}, 1000, 1)->size(), 12U);
}

TEST(Hosts, GetBackOnlyAsManyShardsAsTheyMayHave) {
  Machines house({4, 4, 4, 4});
  // Three on each machine; the last one is lost with its disks.
  const VolumeRecord volume = record_of({1, 2, 3, 5, 6, 7, 9, 10, 11, 13, 14, 15}, {}, kEightFour);
  house.now += seconds(60);
  for (std::uint32_t node = 1; node <= 12; ++node) house.hear(NodeNumber{node});
  VolumeRecord left = volume;
  std::vector<NodeNumber> leaving{NodeNumber{13}, NodeNumber{14}, NodeNumber{15}};
  for (std::uint64_t salt = 0; !leaving.empty(); ++salt) {
    const auto chosen = choose_replacement(house.view(), left, leaving, 1000, salt);
    ASSERT_TRUE(chosen.has_value()) << chosen.error().message();
    std::ranges::replace(left.members, leaving.back(), *chosen);
    leaving.pop_back();
  }
  // Each of the three has four of twelve now, and there is no disk left that may have one.
  for (const auto& [host, count] : house.counts(left.members)) EXPECT_EQ(count, 4) << host;
  house.add_node("default", "default", {"host=m0"});
  const auto refused = choose_replacement(house.view(), left, {NodeNumber{5}}, 1000, 1);
  ASSERT_FALSE(refused.has_value());
  EXPECT_THAT(refused.error().detail(), HasSubstr("of a machine with less than 4 shards"));
}

TEST(Hosts, GetACopyOnlyWhenTheyHaveNone) {
  Machines house({2, 2, 2});
  const VolumeRecord volume = record_of({1, 3}, {0, 0, 1});
  for (std::uint64_t salt = 0; salt < 50; ++salt) {
    const auto chosen = choose_replacement(house.view(), volume, {NodeNumber{3}}, 1000, salt);
    ASSERT_TRUE(chosen.has_value()) << chosen.error().message();
    EXPECT_NE(house.state.nodes.at(*chosen).identity.tags.at(1), "host=m0")
        << "it has the other one";
  }
  Machines one({3});
  EXPECT_FALSE(choose_replacement(one.view(), record_of({1, 2}, {0, 0, 1}), {NodeNumber{2}}, 1, 1));
  one.options.share_hosts = true;
  EXPECT_EQ(*choose_replacement(one.view(), record_of({1, 2}, {0, 0, 1}), {NodeNumber{2}}, 1, 1),
            NodeNumber{3});
}

// A volume that was placed before its nodes said their machine must still be repaired.
TEST(Hosts, OfCopiesThatShareOneAlreadyKeepNoRepairAway) {
  Machines house({3, 2});
  const VolumeRecord volume = record_of({1, 2, 4}, {0, 0, 2});
  const auto chosen = choose_replacement(house.view(), volume, {NodeNumber{4}}, 1, 1);
  ASSERT_TRUE(chosen.has_value()) << chosen.error().message();
  EXPECT_EQ(*chosen, NodeNumber{5});
  EXPECT_TRUE(may_replace(house.view(), volume, NodeNumber{1}, NodeNumber{3})) << "no worse";
  EXPECT_FALSE(may_replace(house.view(), volume, NodeNumber{4}, NodeNumber{3})) << "worse";
}

TEST(Hosts, GiveVolumesToEachOtherOnlyWhenBothMay) {
  Machines house({2, 2});
  const VolumeRecord volume = record_of({1, 3}, {0, 0, 1});
  EXPECT_TRUE(may_replace(house.view(), volume, NodeNumber{1}, NodeNumber{2}));
  EXPECT_FALSE(may_replace(house.view(), volume, NodeNumber{1}, NodeNumber{4}));
}

}  // namespace
}  // namespace kelp::master
