// What only operators ask of a master.

#include <gmock/gmock.h>

#include "async/all.h"
#include "tests/unit/master/master_rig.h"

namespace kelp::master {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using testing::HasSubstr;

Result<AdminLockView> lock(Rig& rig, std::string owner, std::uint64_t token,
                           std::chrono::milliseconds lease) {
  AdminLockRequest request{std::move(owner), token, lease};
  return rig.world.run(rig.master->admin_lock(std::move(request)));
}

TEST(MasterAdmin, LetsOneOperatorHoldTheLockAndTellsTheOthersWho) {
  Rig rig;
  ASSERT_TRUE(rig.start_now().has_value());
  EXPECT_EQ(lock(rig, "", 0, seconds(0))->owner, "");
  EXPECT_EQ(lock(rig, "amy", 1, seconds(60))->owner, "amy");
  const auto refused = lock(rig, "bob", 2, seconds(60));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), Errc::kConflict);
  EXPECT_THAT(refused.error().detail(), HasSubstr("amy"));
  EXPECT_FALSE(lock(rig, "bob", 2, seconds(0)).has_value()) << "gave back what is another's";
  EXPECT_EQ(lock(rig, "amy", 1, seconds(0))->owner, "");
  EXPECT_EQ(lock(rig, "bob", 2, seconds(60))->owner, "bob");
  rig.world.run_for(seconds(61));
  EXPECT_EQ(lock(rig, "", 0, seconds(0))->owner, "") << "it runs out by itself";
}

TEST(MasterAdmin, KeepsTheLockOverARestart) {
  Rig rig;
  ASSERT_TRUE(rig.start_now().has_value());
  ASSERT_TRUE(lock(rig, "amy", 1, minutes(10)).has_value());
  rig.world.run(rig.stop());
  ASSERT_TRUE(rig.start_now().has_value());
  EXPECT_EQ(lock(rig, "", 0, seconds(0))->owner, "amy");
}

TEST(MasterAdmin, RefusesALockWithoutAnOwnerOrForTooLong) {
  Rig rig;
  ASSERT_TRUE(rig.start_now().has_value());
  EXPECT_EQ(lock(rig, "", 1, seconds(60)).error().code(), Errc::kInvalidArgument);
  EXPECT_EQ(lock(rig, std::string(201, 'a'), 1, seconds(60)).error().code(),
            Errc::kInvalidArgument);
  EXPECT_EQ(lock(rig, "amy", 1, minutes(11)).error().code(), Errc::kInvalidArgument);
  EXPECT_EQ(lock(rig, "amy", 1, seconds(-1)).error().code(), Errc::kInvalidArgument);
}

TEST(MasterAdmin, GrowsAsManyVolumesAsAreAskedFor) {
  Rig rig;
  ASSERT_TRUE(rig.start_now().has_value());
  const auto made = rig.world.run(rig.master->grow_volumes("c", 3));
  ASSERT_TRUE(made.has_value()) << made.error().message();
  ASSERT_EQ(made->size(), 3U);
  const MasterState state = rig.world.run(rig.master->state());
  for (const VolumeId id : *made) {
    EXPECT_EQ(state.volumes.at(id).phase, VolumePhase::kWritable);
    EXPECT_EQ(state.volumes.at(id).collection, "c");
  }
  EXPECT_FALSE(rig.world.run(rig.master->grow_volumes("c", 0)).has_value());
  EXPECT_FALSE(rig.world.run(rig.master->grow_volumes("c", 65)).has_value());
  rig.node().up = false;
  EXPECT_FALSE(rig.world.run(rig.master->grow_volumes("c", 1)).has_value());
}

TEST(MasterAdmin, SealsAVolumeOnceAndForGood) {
  Rig rig;
  ASSERT_TRUE(rig.start_now().has_value());
  const VolumeId volume = rig.lease_now(1)->volume;
  EXPECT_EQ(rig.world.run(rig.master->seal_volume(VolumeId{99})).error().code(), Errc::kNotFound);
  ASSERT_TRUE(rig.world.run(rig.master->seal_volume(volume)).has_value());
  EXPECT_TRUE(rig.world.run(rig.master->seal_volume(volume)).has_value());
  EXPECT_NE(rig.lease_now(1)->volume, volume);
}

TEST(MasterAdmin, SaysWhichCopiesItWouldMakeAndMakesThemOnlyWhenTold) {
  Rig rig(1, 3);
  rig.options.placement.standard.spread = {0, 0, 1};
  ASSERT_TRUE(rig.start_now().has_value());
  const VolumeId volume = rig.lease_now(1)->volume;
  ASSERT_TRUE(rig.world.run(rig.master->pause_jobs(true)).has_value());
  const MasterState before = rig.world.run(rig.master->state());
  const NodeNumber dead = before.volumes.at(volume).members.back();
  for (const auto& [address, node] : rig.volumes.all) {
    if (node->node.node_id == before.nodes.at(dead).identity.node_id) node->up = false;
  }
  ASSERT_TRUE(rig.world.run(rig.pass(40)).has_value());

  const auto planned = rig.world.run(rig.master->plan_jobs(PlanKind::kRepair, false));
  ASSERT_TRUE(planned.has_value());
  ASSERT_EQ(planned->size(), 1U);
  EXPECT_EQ(planned->front().volume, volume);
  EXPECT_EQ(planned->front().kind, "repair");
  EXPECT_TRUE(rig.world.run(rig.master->state()).jobs.empty()) << "a plan changes nothing";

  const auto started = rig.world.run(rig.master->plan_jobs(PlanKind::kRepair, true));
  ASSERT_TRUE(started.has_value());
  ASSERT_EQ(started->size(), 1U);
  EXPECT_NE(started->front().id, 0U);
  ASSERT_TRUE(rig.world.run(rig.pass(20)).has_value());
  const MasterState after = rig.world.run(rig.master->state());
  EXPECT_TRUE(after.jobs_paused);
  EXPECT_EQ(after.volumes.at(volume).members.size(), 2U);
  EXPECT_EQ(std::ranges::count(after.volumes.at(volume).members, dead), 0);
}

TEST(MasterAdmin, LetsTheNextChangeOfTheMastersBeginWhenOneEnds) {
  Rig rig;
  ASSERT_TRUE(rig.start_now().has_value());
  const MonoTime begin = rig.world.now();
  std::vector<Task<Result<void>>> changes;
  for (int i = 0; i < 3; ++i) changes.push_back(rig.master->add_master(1, "here:1"));
  for (const auto& change : rig.world.run(all(std::move(changes)))) {
    EXPECT_TRUE(change.has_value()) << change.error().message();
  }
  EXPECT_LT(rig.world.now() - begin, std::chrono::milliseconds(500)) << "not at the next second";
}

}  // namespace
}  // namespace kelp::master
