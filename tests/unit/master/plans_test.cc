#include "master/core/plans.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/rng.h"
#include "tests/unit/master/house.h"

namespace kelp::master {
namespace {

using std::chrono::seconds;

constexpr std::uint64_t kGiB = 1ULL << 30;

std::vector<StartJob> repairs(const House& house) {
  return plan_repairs(house.view(), Survey(house.view()), house.plan);
}
std::vector<StartJob> moves(const House& house) {
  return plan_moves(house.view(), Survey(house.view()), house.plan);
}
std::vector<StrayCopy> retirements(const House& house) {
  return plan_retirements(Survey(house.view()));
}

TEST(RepairPlan, WaitsForASilentNodeAndReplacesADeadOne) {
  House house(3, 2);
  const VolumeId volume = house.add_volume({1, 2});
  house.pass(seconds(20), 1);
  EXPECT_TRUE(repairs(house).empty());
  house.pass(seconds(20), 1);
  const auto jobs = repairs(house);
  ASSERT_EQ(jobs.size(), 1U);
  EXPECT_EQ(jobs[0].job,
            (JobRecord{JobKind::kRepair, JobStep::kFreeze, volume, std::nullopt, NodeNumber{3}}));
  EXPECT_EQ(jobs[0].lost, std::vector{NodeNumber{1}});
  house.apply(jobs[0]);
  EXPECT_TRUE(repairs(house).empty()) << "one job a volume";
}

TEST(RepairPlan, WaitsForMaintenanceAndForThePause) {
  House house(3, 2);
  house.add_volume({1, 2});
  house.apply(SetIntent{NodeNumber{1}, NodeIntent::kMaintenance});
  house.pass(seconds(100), 1);
  EXPECT_TRUE(repairs(house).empty());
  house.apply(SetIntent{NodeNumber{1}, NodeIntent::kActive});
  EXPECT_EQ(repairs(house).size(), 1U);
  house.apply(PauseJobs{true});
  EXPECT_TRUE(repairs(house).empty());
}

TEST(RepairPlan, ReplacesAReadOnlyOrOldCopyOfALivingNodeAtOnce) {
  House house(3, 2);
  const VolumeId volume = house.add_volume({1, 2});
  house.copy(2, volume).read_only = true;
  house.hear(NodeNumber{2});
  EXPECT_EQ(repairs(house).at(0).lost, std::vector{NodeNumber{2}});
  house.copy(2, volume).read_only = false;
  house.copy(2, volume).generation = Generation{0};
  house.hear(NodeNumber{2});
  EXPECT_EQ(repairs(house).at(0).lost, std::vector{NodeNumber{2}});
}

TEST(RepairPlan, BeginsWithWhatHasLeastLeft) {
  House house(5, 3);
  const VolumeId two_left = house.add_volume({1, 2, 3});
  const VolumeId one_left = house.add_volume({1, 2, 3});
  house.copy(1, two_left).read_only = true;
  house.copy(1, one_left).read_only = true;
  house.copy(2, one_left).read_only = true;
  house.hear_all_but(0);
  const auto jobs = repairs(house);
  ASSERT_EQ(jobs.size(), 2U);
  EXPECT_EQ(jobs[0].job.volume, one_left);
}

TEST(RepairPlan, NeverWorksOnMoreThanItsBudget) {
  House house(4, 2);
  house.plan.jobs_per_node = 1;
  for (int i = 0; i < 10; ++i) house.add_volume({1, 2});
  house.pass(seconds(40), 1);
  const auto jobs = repairs(house);
  EXPECT_EQ(jobs.size(), 1U) << "node 2 is the only source";
}

TEST(MovePlan, TakesVolumesOffADrainingNodeUntilNoneIsLeft) {
  House house(3, 2);
  const VolumeId volume = house.add_volume({1, 2});
  EXPECT_TRUE(moves(house).empty());
  house.apply(SetIntent{NodeNumber{2}, NodeIntent::kDraining});
  const auto jobs = moves(house);
  ASSERT_EQ(jobs.size(), 1U);
  EXPECT_EQ(jobs[0].job,
            (JobRecord{JobKind::kMove, JobStep::kFreeze, volume, NodeNumber{2}, NodeNumber{3}}));
}

TEST(MovePlan, EvensOutBytesAndThenStops) {
  House house(2);
  house.plan.jobs_per_node = 100;
  house.plan.jobs = 100;
  for (int i = 0; i < 20; ++i) house.add_volume({1}, kGiB);
  const auto jobs = moves(house);
  EXPECT_EQ(jobs.size(), 10U);
  for (const StartJob& start : jobs) {
    EXPECT_EQ(start.job.to, NodeNumber{2});
    house.copy(1, start.job.volume).volume = start.job.volume;
    house.apply(start);
  }
  EXPECT_TRUE(moves(house).empty()) << "moves under way count as done";
}

/// What a job that ended well leaves.
void finish(House& house, JobId id) {
  const JobRecord job = house.state.jobs.at(id);
  const std::uint64_t bytes = house.copy(job.from->value, job.volume).file_bytes;
  for (const JobStep step :
       {JobStep::kFreeze, JobStep::kCopy, JobStep::kSwitch, JobStep::kRetire}) {
    house.apply(AdvanceJob{id, step});
  }
  std::erase_if(house.beats[*job.from].status.volumes,
                [&job](const VolumeStatus& status) { return status.volume == job.volume; });
  const VolumeRecord& record = house.state.volumes.at(job.volume);
  house.beats[job.to].status.volumes.push_back(status_of(job.volume, record.generation, bytes));
  for (const NodeNumber member : record.members) {
    house.copy(member.value, job.volume).generation = record.generation;
  }
}

TEST(MovePlan, MakesFourFullAndFourNewNodesEvenToFivePercent) {
  House house(8, 2);
  house.plan.balance_bytes = 256 << 10;
  Rng rng(5);
  for (std::uint32_t i = 0; i < 150; ++i) {
    house.add_volume({1 + i % 4, 1 + (i + 1 + i / 4 % 3) % 4}, (1 + rng.below(4)) << 20);
  }
  int rounds = 0;
  for (auto jobs = moves(house); !jobs.empty(); jobs = moves(house)) {
    ASSERT_LT(++rounds, 200) << "it does not end";
    for (const StartJob& start : jobs) house.apply(start);
    while (!house.state.jobs.empty()) finish(house, house.state.jobs.begin()->first);
    house.hear_all_but(0);
  }
  std::vector<std::uint64_t> used;
  for (const auto& [number, beat] : house.beats) {
    std::uint64_t bytes = 0;
    for (const VolumeStatus& status : beat.status.volumes) bytes += status.file_bytes;
    used.push_back(bytes);
  }
  const auto [least, most] = std::ranges::minmax(used);
  EXPECT_LE(static_cast<double>(most - least), 0.05 * static_cast<double>(least));
  EXPECT_LT(rounds, 40) << "several nodes take volumes at once";
}

TEST(MovePlan, FillsANodeInProportionToItsDisk) {
  House house(2);
  house.plan.jobs = house.plan.jobs_per_node = 100;
  house.beats[NodeNumber{2}].status.total_bytes *= 3;
  house.beats[NodeNumber{2}].status.free_bytes = 100 * kGiB;
  for (int i = 0; i < 40; ++i) house.add_volume({1}, kGiB);
  house.hear_all_but(0);
  EXPECT_EQ(moves(house).size(), 30U);
}

TEST(MovePlan, GoesOnWithTheNextNodeWhenTheFullestMayGiveToNobody) {
  House house(0);
  house.options.standard.spread = {.other_racks = 1};
  house.add_node("d", "alone");
  for (int i = 0; i < 3; ++i) house.add_node("d", "three");
  for (int i = 0; i < 12; ++i) house.add_volume({1, 2 + i % 2U}, kGiB);
  const auto jobs = moves(house);
  ASSERT_FALSE(jobs.empty());
  for (const StartJob& start : jobs) {
    EXPECT_NE(start.job.from, NodeNumber{1}) << "the other copy is in the only other rack";
    EXPECT_EQ(start.job.to, NodeNumber{4});
  }
}

TEST(MovePlan, LeavesVolumesThatTakeDataAloneWhenOthersDo) {
  House house(2);
  for (int i = 0; i < 4; ++i) house.add_volume({1}, kGiB);
  house.apply(SealVolume{VolumeId{3}});
  ASSERT_FALSE(moves(house).empty());
  EXPECT_EQ(moves(house)[0].job.volume, VolumeId{3});
}

TEST(MovePlan, MovesNothingToADiskThatSomethingElseHasFilled) {
  House house(3);
  house.plan.balance_bytes = 1000;
  for (int i = 0; i < 8; ++i) house.add_volume({1}, 10'000);
  house.beats[NodeNumber{2}].status.free_bytes = 0;
  house.hear(NodeNumber{2});
  const auto jobs = moves(house);
  ASSERT_FALSE(jobs.empty());
  for (const StartJob& job : jobs) EXPECT_EQ(job.job.to, NodeNumber{3});
  house.beats[NodeNumber{3}].status.free_bytes = 5'000;
  house.hear(NodeNumber{3});
  EXPECT_TRUE(moves(house).empty());
}

TEST(MovePlan, MovesNothingForAFewBytes) {
  House house(2);
  house.add_volume({1}, 100 << 20);
  house.add_volume({1}, 100 << 20);
  EXPECT_TRUE(moves(house).empty());
  house.plan.balance_bytes = 1 << 20;
  EXPECT_EQ(moves(house).size(), 1U);
}

TEST(MovePlan, DoesNothingWhileARepairIsNeeded) {
  House house(3, 2);
  for (int i = 0; i < 6; ++i) house.add_volume({1, 2}, kGiB);
  EXPECT_FALSE(moves(house).empty());
  house.copy(1, VolumeId{1}).read_only = true;
  house.hear(NodeNumber{1});
  EXPECT_TRUE(moves(house).empty());
}

TEST(RetirePlan, RemovesAnOldCopyOnlyWhenTheNewOnesAreAllThere) {
  House house(3, 2);
  const VolumeId volume = house.add_volume({2, 3});
  house.state.volumes.at(volume).generation = Generation{3};
  house.beats[NodeNumber{1}].status.volumes.push_back(status_of(volume, Generation{1}));
  house.copy(2, volume).generation = Generation{3};
  house.hear_all_but(0);
  EXPECT_TRUE(retirements(house).empty()) << "node 3 has not followed yet";
  house.copy(3, volume).generation = Generation{3};
  house.hear_all_but(0);
  const auto strays = retirements(house);
  ASSERT_EQ(strays.size(), 1U);
  EXPECT_EQ(strays[0].node, NodeNumber{1});
  EXPECT_EQ(strays[0].generation, Generation{1});
}

TEST(RetirePlan, NamesACopyOnAServerThatHasNoPartInItsVolumeAndLeavesItAlone) {
  House house(3, 2);
  const VolumeId volume = house.add_volume({1, 2});
  EXPECT_TRUE(Survey(house.view()).unexplained().empty());
  house.beats[NodeNumber{3}].status.volumes.push_back(status_of(volume, Generation{1}));
  house.hear(NodeNumber{3});
  EXPECT_TRUE(retirements(house).empty());
  const auto named = Survey(house.view()).unexplained();
  ASSERT_EQ(named.size(), 1U);
  EXPECT_EQ(named[0].node, NodeNumber{3});
  EXPECT_EQ(named[0].volume, volume);
}

TEST(RetirePlan, LeavesAVolumeThatNobodyDecidedOnAlone) {
  House house(1);
  house.beats[NodeNumber{1}].status.volumes.push_back(status_of(VolumeId{77}, Generation{1}));
  house.hear(NodeNumber{1});
  EXPECT_TRUE(retirements(house).empty());
}

}  // namespace
}  // namespace kelp::master
