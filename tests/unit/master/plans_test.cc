#include "master/core/plans.h"

#include <gtest/gtest.h>

#include "tests/unit/master/house.h"

namespace kelp::master {
namespace {

using std::chrono::seconds;

constexpr std::uint64_t kGiB = 1ULL << 30;

TEST(RepairPlan, WaitsForASilentNodeAndReplacesADeadOne) {
  House house(3, 2);
  const VolumeId volume = house.add_volume({1, 2});
  house.pass(seconds(20), 1);
  EXPECT_TRUE(plan_repairs(house.view(), house.plan).empty());
  house.pass(seconds(20), 1);
  const auto jobs = plan_repairs(house.view(), house.plan);
  ASSERT_EQ(jobs.size(), 1U);
  EXPECT_EQ(jobs[0].job,
            (JobRecord{JobKind::kRepair, JobStep::kFreeze, volume, std::nullopt, NodeNumber{3}}));
  EXPECT_EQ(jobs[0].lost, std::vector{NodeNumber{1}});
  house.apply(jobs[0]);
  EXPECT_TRUE(plan_repairs(house.view(), house.plan).empty()) << "one job a volume";
}

TEST(RepairPlan, WaitsForMaintenanceAndForThePause) {
  House house(3, 2);
  house.add_volume({1, 2});
  house.apply(SetIntent{NodeNumber{1}, NodeIntent::kMaintenance});
  house.pass(seconds(100), 1);
  EXPECT_TRUE(plan_repairs(house.view(), house.plan).empty());
  house.apply(SetIntent{NodeNumber{1}, NodeIntent::kActive});
  EXPECT_EQ(plan_repairs(house.view(), house.plan).size(), 1U);
  house.apply(PauseJobs{true});
  EXPECT_TRUE(plan_repairs(house.view(), house.plan).empty());
}

TEST(RepairPlan, ReplacesAReadOnlyOrOldCopyOfALivingNodeAtOnce) {
  House house(3, 2);
  const VolumeId volume = house.add_volume({1, 2});
  house.copy(2, volume).read_only = true;
  house.hear(NodeNumber{2});
  EXPECT_EQ(plan_repairs(house.view(), house.plan).at(0).lost, std::vector{NodeNumber{2}});
  house.copy(2, volume).read_only = false;
  house.copy(2, volume).generation = Generation{0};
  house.hear(NodeNumber{2});
  EXPECT_EQ(plan_repairs(house.view(), house.plan).at(0).lost, std::vector{NodeNumber{2}});
}

TEST(RepairPlan, BeginsWithWhatHasLeastLeft) {
  House house(5, 3);
  const VolumeId two_left = house.add_volume({1, 2, 3});
  const VolumeId one_left = house.add_volume({1, 2, 3});
  house.copy(1, two_left).read_only = true;
  house.copy(1, one_left).read_only = true;
  house.copy(2, one_left).read_only = true;
  house.hear_all_but(0);
  const auto jobs = plan_repairs(house.view(), house.plan);
  ASSERT_EQ(jobs.size(), 2U);
  EXPECT_EQ(jobs[0].job.volume, one_left);
}

TEST(RepairPlan, NeverWorksOnMoreThanItsBudget) {
  House house(4, 2);
  house.plan.jobs_per_node = 1;
  for (int i = 0; i < 10; ++i) house.add_volume({1, 2});
  house.pass(seconds(40), 1);
  const auto jobs = plan_repairs(house.view(), house.plan);
  EXPECT_EQ(jobs.size(), 1U) << "node 2 is the only source";
}

TEST(MovePlan, TakesVolumesOffADrainingNodeUntilNoneIsLeft) {
  House house(3, 2);
  const VolumeId volume = house.add_volume({1, 2});
  EXPECT_TRUE(plan_moves(house.view(), house.plan).empty());
  house.apply(SetIntent{NodeNumber{2}, NodeIntent::kDraining});
  const auto jobs = plan_moves(house.view(), house.plan);
  ASSERT_EQ(jobs.size(), 1U);
  EXPECT_EQ(jobs[0].job,
            (JobRecord{JobKind::kMove, JobStep::kFreeze, volume, NodeNumber{2}, NodeNumber{3}}));
}

TEST(MovePlan, EvensOutBytesAndThenStops) {
  House house(2);
  house.plan.jobs_per_node = 100;
  house.plan.jobs = 100;
  for (int i = 0; i < 20; ++i) house.add_volume({1}, kGiB);
  const auto jobs = plan_moves(house.view(), house.plan);
  EXPECT_EQ(jobs.size(), 10U);
  for (const StartJob& start : jobs) {
    EXPECT_EQ(start.job.to, NodeNumber{2});
    house.copy(1, start.job.volume).volume = start.job.volume;
    house.apply(start);
  }
  EXPECT_TRUE(plan_moves(house.view(), house.plan).empty()) << "moves under way count as done";
}

TEST(MovePlan, MovesNothingToADiskThatSomethingElseHasFilled) {
  House house(3);
  house.plan.balance_bytes = 1000;
  for (int i = 0; i < 8; ++i) house.add_volume({1}, 10'000);
  house.beats[NodeNumber{2}].status.free_bytes = 0;
  house.hear(NodeNumber{2});
  const auto jobs = plan_moves(house.view(), house.plan);
  ASSERT_FALSE(jobs.empty());
  for (const StartJob& job : jobs) EXPECT_EQ(job.job.to, NodeNumber{3});
  house.beats[NodeNumber{3}].status.free_bytes = 5'000;
  house.hear(NodeNumber{3});
  EXPECT_TRUE(plan_moves(house.view(), house.plan).empty());
}

TEST(MovePlan, MovesNothingForAFewBytes) {
  House house(2);
  house.add_volume({1}, 100 << 20);
  house.add_volume({1}, 100 << 20);
  EXPECT_TRUE(plan_moves(house.view(), house.plan).empty());
  house.plan.balance_bytes = 1 << 20;
  EXPECT_EQ(plan_moves(house.view(), house.plan).size(), 1U);
}

TEST(MovePlan, DoesNothingWhileARepairIsNeeded) {
  House house(3, 2);
  for (int i = 0; i < 6; ++i) house.add_volume({1, 2}, kGiB);
  EXPECT_FALSE(plan_moves(house.view(), house.plan).empty());
  house.copy(1, VolumeId{1}).read_only = true;
  house.hear(NodeNumber{1});
  EXPECT_TRUE(plan_moves(house.view(), house.plan).empty());
}

TEST(RetirePlan, RemovesAnOldCopyOnlyWhenTheNewOnesAreAllThere) {
  House house(3, 2);
  const VolumeId volume = house.add_volume({2, 3});
  house.state.volumes.at(volume).generation = Generation{3};
  house.beats[NodeNumber{1}].status.volumes.push_back(status_of(volume, Generation{1}));
  house.copy(2, volume).generation = Generation{3};
  house.hear_all_but(0);
  EXPECT_TRUE(plan_retirements(house.view()).empty()) << "node 3 has not followed yet";
  house.copy(3, volume).generation = Generation{3};
  house.hear_all_but(0);
  const auto strays = plan_retirements(house.view());
  ASSERT_EQ(strays.size(), 1U);
  EXPECT_EQ(strays[0].node, NodeNumber{1});
  EXPECT_EQ(strays[0].generation, Generation{1});
}

TEST(RetirePlan, NamesACopyOnAServerThatHasNoPartInItsVolumeAndLeavesItAlone) {
  House house(3, 2);
  const VolumeId volume = house.add_volume({1, 2});
  EXPECT_TRUE(unexplained_copies(house.view()).empty());
  house.beats[NodeNumber{3}].status.volumes.push_back(status_of(volume, Generation{1}));
  house.hear(NodeNumber{3});
  EXPECT_TRUE(plan_retirements(house.view()).empty());
  const auto named = unexplained_copies(house.view());
  ASSERT_EQ(named.size(), 1U);
  EXPECT_EQ(named[0].node, NodeNumber{3});
  EXPECT_EQ(named[0].volume, volume);
}

TEST(RetirePlan, LeavesAVolumeThatNobodyDecidedOnAlone) {
  House house(1);
  house.beats[NodeNumber{1}].status.volumes.push_back(status_of(VolumeId{77}, Generation{1}));
  house.hear(NodeNumber{1});
  EXPECT_TRUE(plan_retirements(house.view()).empty());
}

}  // namespace
}  // namespace kelp::master
