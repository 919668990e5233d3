// What operators watch of the cluster: told by the leader, and by nobody else.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/master/master_rig.h"

namespace kelp::master {
namespace {

using testing::HasSubstr;

/// Two copies over three nodes and one volume.
struct Watched : Rig {
  Watched() : Rig(1, 3) {
    options.placement.standard.spread.other_nodes = 1;
    EXPECT_TRUE(start_now().has_value());
    const auto taken = lease_now(1);
    EXPECT_TRUE(taken.has_value());
    for (const auto& member : taken->members) {
      for (const auto& [address, node] : volumes.all) {
        if (node->node.node_id == member.node_id) holders.push_back(node.get());
      }
    }
    pass_now(2);
  }
  void pass_now(int seconds) { EXPECT_TRUE(world.run(pass(seconds)).has_value()); }
  /// Of a metric without labels.
  double value(const std::string& name) const {
    const std::string text = "\n" + metrics->text();
    const auto at = text.find("\n" + name + " ");
    EXPECT_NE(at, std::string::npos) << name;
    return at == std::string::npos ? -1 : std::stod(text.substr(at + name.size() + 2));
  }

  std::vector<test::FakeNode*> holders;
};

TEST(MasterProbe, ANodeThatDiesLeavesVolumesShortUntilTheyAreRepaired) {
  Watched rig;
  EXPECT_EQ(rig.value("kelp_master_nodes"), 3);
  EXPECT_EQ(rig.value("kelp_master_alive_nodes"), 3);
  EXPECT_EQ(rig.value("kelp_master_members"), 1);
  EXPECT_EQ(rig.value("kelp_master_alive_members"), 1);
  EXPECT_EQ(rig.value("kelp_master_short_volumes"), 0);
  const double disks = rig.value("kelp_master_disk_bytes");
  EXPECT_GT(disks, 0);
  EXPECT_GT(rig.value("kelp_master_free_bytes"), 0);

  rig.holders[0]->up = false;
  rig.pass_now(10);
  EXPECT_EQ(rig.value("kelp_master_alive_nodes"), 2);
  EXPECT_DOUBLE_EQ(rig.value("kelp_master_disk_bytes"), disks * 2 / 3);
  EXPECT_GE(rig.value("kelp_master_short_volumes"), 1);
  EXPECT_GE(rig.value("kelp_master_at_risk_volumes"), 1);
  EXPECT_EQ(rig.value("kelp_master_unreadable_volumes"), 0);

  rig.pass_now(45);
  EXPECT_EQ(rig.value("kelp_master_short_volumes"), 0);
  EXPECT_EQ(rig.value("kelp_master_at_risk_volumes"), 0);
}

TEST(MasterProbe, VolumesWithoutAnyCopyLeftAreUnreadable) {
  Watched rig;
  for (test::FakeNode* holder : rig.holders) holder->up = false;
  rig.pass_now(10);
  EXPECT_GE(rig.value("kelp_master_unreadable_volumes"), 1);
  EXPECT_EQ(rig.value("kelp_master_at_risk_volumes"), 0);
}

TEST(MasterProbe, ACopyOnADiskThatTakesNoWritesIsStillRead) {
  Watched rig;
  for (test::FakeNode* holder : rig.holders) {
    for (VolumeStatus& volume : holder->node.volumes) volume.read_only = true;
  }
  rig.pass_now(2);
  EXPECT_GE(rig.value("kelp_master_short_volumes"), 1);
  EXPECT_EQ(rig.value("kelp_master_unreadable_volumes"), 0);
}

TEST(MasterProbe, JobsThatStandAreCounted) {
  Watched rig;
  for (const auto& [address, node] : rig.volumes.all) node->spoil_pulls = 1'000'000;
  for (test::FakeNode* holder : rig.holders) holder->keys = {NeedleKey{1}};  // which copies lack
  rig.holders[0]->up = false;
  bool stood = false;
  for (int i = 0; i < 120 && !stood; ++i) {
    rig.pass_now(1);
    stood = rig.value("kelp_master_standing_jobs") > 0;
  }
  EXPECT_TRUE(stood);
  EXPECT_THAT(rig.metrics->text(), HasSubstr("kelp_master_jobs{kind=\"repair\"} 1\n"));
}

TEST(MasterProbe, WhoDoesNotLeadSaysNothing) {
  Watched rig;
  EXPECT_EQ(rig.value("kelp_master_nodes"), 3);
  rig.world.run(rig.stop());
  EXPECT_EQ(rig.value("kelp_master_nodes"), 0);
  EXPECT_EQ(rig.value("kelp_master_free_bytes"), 0);
}

}  // namespace
}  // namespace kelp::master
