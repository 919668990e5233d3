// What a master does by itself: repairs and moves, step by step.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/master/master_rig.h"

namespace kelp::master {
namespace {

using testing::HasSubstr;

/// Two copies over three nodes and one volume.
struct Cluster : Rig {
  explicit Cluster(std::uint64_t seed = 1) : Rig(seed, 3) {
    options.placement.standard.spread.other_nodes = 1;
    EXPECT_TRUE(start_now().has_value());
    const auto taken = lease_now(1);
    EXPECT_TRUE(taken.has_value());
    volume = taken->volume;
    for (const auto& member : taken->members) members.push_back(member.node_id);
  }
  test::FakeNode& holder(std::size_t which) {
    for (const auto& [address, node] : volumes.all) {
      if (node->node.node_id == members[which]) return *node;
    }
    return node();
  }
  test::FakeNode& other() {
    for (const auto& [address, node] : volumes.all) {
      if (std::ranges::find(members, node->node.node_id) == members.end()) return *node;
    }
    return node();
  }
  ClusterView look() { return *world.run(master->view()); }

  VolumeId volume;
  std::vector<std::string> members;
};

TEST(MasterJobs, GiveADeadNodesVolumesNewCopiesByThemselves) {
  Cluster cluster;
  cluster.holder(0).up = false;
  ASSERT_TRUE(cluster.world.run(cluster.pass(45)).has_value());
  const ClusterView view = cluster.look();
  EXPECT_TRUE(view.jobs.empty());
  ASSERT_GE(view.volumes.size(), 1U);
  EXPECT_EQ(view.volumes[0].copies_healthy, 2U);
  EXPECT_NE(cluster.other().find(cluster.volume), nullptr);
  EXPECT_EQ(cluster.other().pulled_as, std::vector{Urgency::kLastCopy});
  EXPECT_FALSE(cluster.holder(1).find(cluster.volume)->frozen);
  // The old copy is no member any more: when its node is back it goes.
  const Generation old = cluster.holder(0).find(cluster.volume)->generation;
  EXPECT_LT(old, view.volumes[0].location.generation);
  cluster.holder(0).up = true;
  ASSERT_TRUE(cluster.world.run(cluster.pass(5)).has_value());
  EXPECT_EQ(cluster.holder(0).find(cluster.volume), nullptr);
}

TEST(MasterJobs, KeepTheSourceUntilTheCopyWasComparedAndSwitched) {
  Cluster cluster;
  cluster.other().spoil_pulls = 1;
  cluster.holder(0).keys = {NeedleKey{1}};
  const std::string from = cluster.members[0];
  ASSERT_TRUE(
      cluster.world
          .run(cluster.master->move_volume(cluster.volume, from, cluster.other().node.node_id))
          .has_value());
  for (int i = 0; i < 100 && !cluster.look().jobs.empty(); ++i) {
    const auto location = *cluster.world.run(cluster.master->locate(cluster.volume));
    for (const auto& member : location.members) {
      EXPECT_NE(cluster.volumes.all.at(member.address)->find(cluster.volume), nullptr);
    }
    cluster.world.run_for(std::chrono::milliseconds(50));
  }
  ASSERT_TRUE(cluster.world.run(cluster.pass(3)).has_value());
  EXPECT_EQ(cluster.holder(0).find(cluster.volume), nullptr);
  EXPECT_NE(cluster.other().find(cluster.volume), nullptr);
  EXPECT_EQ(cluster.other().pulled_as, (std::vector{Urgency::kMove, Urgency::kMove}));
  EXPECT_EQ(cluster.look().volumes[0].copies_healthy, 2U);
}

TEST(MasterJobs, KeepTheSourceWhenTheNewCopyMissedTheSwitch) {
  Cluster cluster;
  cluster.other().loses_copies = true;
  ASSERT_TRUE(cluster.world
                  .run(cluster.master->move_volume(cluster.volume, cluster.members[0],
                                                   cluster.other().node.node_id))
                  .has_value());
  for (int i = 0; i < 100 && !cluster.look().jobs.empty(); ++i) {
    cluster.world.run_for(std::chrono::milliseconds(50));
  }
  EXPECT_TRUE(cluster.look().jobs.empty());
  EXPECT_NE(cluster.holder(0).find(cluster.volume), nullptr) << "else one copy were left";
  cluster.other().loses_copies = false;
  ASSERT_TRUE(cluster.world.run(cluster.pass(60)).has_value());
  EXPECT_EQ(cluster.look().volumes[0].copies_healthy, 2U);
}

// A log may have lost needles to rot that the others still have.
TEST(MasterJobs, CopyWhatTheyRemove) {
  for (const std::size_t from : {0, 1}) {
    Cluster cluster;
    for (const std::size_t which : {0, 1}) {
      cluster.holder(which).find(cluster.volume)->needle_count = which == from ? 7 : 5;
    }
    ASSERT_TRUE(cluster.world
                    .run(cluster.master->move_volume(cluster.volume, cluster.members[from],
                                                     cluster.other().node.node_id))
                    .has_value());
    ASSERT_TRUE(cluster.world.run(cluster.pass(5)).has_value());
    ASSERT_NE(cluster.other().find(cluster.volume), nullptr);
    EXPECT_EQ(cluster.other().find(cluster.volume)->needle_count, 7U);
  }
}

// Members differ by needles that were never acknowledged; a copy of both has them all.
TEST(MasterJobs, TakeACopyThatHasMoreThanWhatItReplaces) {
  Cluster cluster;
  cluster.other().spoil_pulls = 100;
  for (std::uint64_t key = 1; key <= 2500; ++key) {
    cluster.other().keys.insert(NeedleKey{key});
    if (key % 7 != 0) cluster.holder(0).keys.insert(NeedleKey{key});
  }
  ASSERT_TRUE(cluster.world
                  .run(cluster.master->move_volume(cluster.volume, cluster.members[0],
                                                   cluster.other().node.node_id))
                  .has_value());
  ASSERT_TRUE(cluster.world.run(cluster.pass(5)).has_value());
  EXPECT_EQ(cluster.other().pulled_as.size(), 1U);
  EXPECT_EQ(cluster.holder(0).find(cluster.volume), nullptr);
}

// Each attempt freezes the volume.
TEST(MasterJobs, RestLongerEachTimeTheyWereInVain) {
  Cluster cluster;
  test::FakeNode& target = cluster.other();
  target.spoil_pulls = 1'000'000;
  cluster.holder(0).keys = {NeedleKey{1}};  // which the copies lack
  ASSERT_TRUE(
      cluster.world.run(cluster.master->set_node_intent(cluster.members[0], NodeIntent::kDraining))
          .has_value());
  ASSERT_TRUE(cluster.world.run(cluster.pass(600)).has_value());
  const std::size_t at_first = target.pulled_as.size();
  EXPECT_GE(at_first, 50U) << "it tries again";
  EXPECT_LE(at_first, 100U) << "five attempts in a row from two sources, and ever longer rests";
  ASSERT_TRUE(cluster.world.run(cluster.pass(600)).has_value());
  EXPECT_LE(target.pulled_as.size() - at_first, 40U);
  target.spoil_pulls = 0;
  ASSERT_TRUE(cluster.world.run(cluster.pass(400)).has_value());
  EXPECT_EQ(cluster.holder(0).find(cluster.volume), nullptr) << "it never gives up for good";
}

TEST(MasterJobs, ThawAVolumeWhoseCopyCannotBeMade) {
  Cluster cluster;
  test::FakeNode& target = cluster.other();
  ASSERT_TRUE(
      cluster.world
          .run(cluster.master->move_volume(cluster.volume, cluster.members[0], target.node.node_id))
          .has_value());
  target.up = false;
  ASSERT_TRUE(cluster.world.run(cluster.pass(60)).has_value());
  EXPECT_TRUE(cluster.look().jobs.empty());
  EXPECT_EQ(cluster.look().volumes[0].phase, "writable");
  EXPECT_FALSE(cluster.holder(0).find(cluster.volume)->frozen);
}

// A server that lost its disk is back as another node, and makes the copy before it is heard.
TEST(MasterJobs, MakeNobodyAMemberWhoseAddressAnotherNodeHas) {
  Cluster cluster;
  test::FakeNode& target = cluster.other();
  target.answers_as = "somebody else";
  ASSERT_TRUE(
      cluster.world
          .run(cluster.master->move_volume(cluster.volume, cluster.members[0], target.node.node_id))
          .has_value());
  ASSERT_TRUE(cluster.world.run(cluster.pass(20)).has_value());
  EXPECT_TRUE(cluster.look().jobs.empty());
  const auto location = *cluster.world.run(cluster.master->locate(cluster.volume));
  for (const auto& member : location.members) EXPECT_NE(member.node_id, target.node.node_id);
  EXPECT_EQ(cluster.look().volumes[0].copies_healthy, 2U);
  EXPECT_FALSE(cluster.holder(0).find(cluster.volume)->frozen);
  EXPECT_EQ(target.find(cluster.volume), nullptr) << "what was made in vain goes";
  target.answers_as.clear();
  ASSERT_TRUE(
      cluster.world
          .run(cluster.master->move_volume(cluster.volume, cluster.members[0], target.node.node_id))
          .has_value());
  ASSERT_TRUE(cluster.world.run(cluster.pass(5)).has_value());
  EXPECT_NE(target.find(cluster.volume), nullptr);
}

// At the address of a node that is gone another one may stand by now.
TEST(MasterJobs, MoveNothingToANodeThatIsNotAlive) {
  Cluster cluster;
  cluster.other().up = false;
  ASSERT_TRUE(cluster.world.run(cluster.pass(5)).has_value());
  const auto moved = cluster.world.run(cluster.master->move_volume(
      cluster.volume, cluster.members[0], cluster.other().node.node_id));
  ASSERT_FALSE(moved.has_value());
  EXPECT_EQ(moved.error().code(), Errc::kUnavailable);
  EXPECT_TRUE(cluster.look().jobs.empty());
}

// Else the volume would be in a generation that no copy knows, and be repaired from nothing.
TEST(MasterJobs, AreNotOverWhileNoMemberKnowsTheGeneration) {
  Cluster cluster;
  ASSERT_TRUE(cluster.world
                  .run(cluster.master->move_volume(cluster.volume, cluster.members[0],
                                                   cluster.other().node.node_id))
                  .has_value());
  cluster.holder(0).up = cluster.holder(1).up = false;
  ASSERT_TRUE(cluster.world.run(cluster.pass(90)).has_value());
  EXPECT_EQ(cluster.look().jobs.size(), 1U);
  cluster.holder(0).up = cluster.holder(1).up = true;
  ASSERT_TRUE(cluster.world.run(cluster.pass(30)).has_value());
  EXPECT_TRUE(cluster.look().jobs.empty());
  EXPECT_EQ(cluster.look().volumes[0].copies_healthy, 2U);
  EXPECT_FALSE(cluster.holder(0).find(cluster.volume)->frozen);
}

TEST(MasterJobs, GoOnAfterARestartWhereTheyWere) {
  for (int pause = 0; pause < 40; ++pause) {
    Cluster cluster(static_cast<std::uint64_t>(pause) + 1);
    ASSERT_TRUE(cluster.world
                    .run(cluster.master->move_volume(cluster.volume, cluster.members[0],
                                                     cluster.other().node.node_id))
                    .has_value());
    cluster.world.run_for(std::chrono::milliseconds(pause));
    cluster.world.run(cluster.stop());
    cluster.disk.crash(cluster.world.rng());
    ASSERT_TRUE(cluster.start_now().has_value());
    ASSERT_TRUE(cluster.world.run(cluster.pass(40)).has_value());
    EXPECT_TRUE(cluster.look().jobs.empty()) << pause;
    EXPECT_EQ(cluster.look().volumes[0].copies_healthy, 2U) << pause;
    EXPECT_EQ(cluster.holder(0).find(cluster.volume), nullptr) << pause;
  }
}

TEST(MasterJobs, EmptyADrainingNode) {
  Cluster cluster;
  ASSERT_TRUE(
      cluster.world.run(cluster.master->set_node_intent(cluster.members[1], NodeIntent::kDraining))
          .has_value());
  ASSERT_TRUE(cluster.world.run(cluster.pass(20)).has_value());
  EXPECT_EQ(cluster.holder(1).find(cluster.volume), nullptr);
  EXPECT_TRUE(cluster.world.run(cluster.master->remove_node(cluster.members[1])).has_value());
}

}  // namespace
}  // namespace kelp::master
