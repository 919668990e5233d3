#include "client/admin_lock.h"

#include <gtest/gtest.h>

#include "tests/support/client_fakes.h"
#include "tests/support/sim_context.h"

namespace kelp::test {
namespace {

using namespace std::chrono_literals;

Task<Result<void>> note(bool& ran) {
  ran = true;
  co_return Result<void>();
}

struct World {
  SimContext context{1};
  SimClock clock{context};
  SimTimers timers{context};
  FakeMaster master;
  AdminLockHolder lock{master, clock, timers, "amy", 7};

  /// What the master was asked last.
  AdminLockRequest last() {
    return decode_message<AdminLockRequest>(master.script.last(), "lock").value();
  }
  Result<void> run(bool& ran) { return context.run(lock.run(note(ran))); }
};

TEST(AdminLock, IsTakenForAWorkAndGivenBack) {
  World world;
  bool ran = false;
  EXPECT_TRUE(world.run(ran).has_value());
  EXPECT_TRUE(ran);
  EXPECT_EQ(world.master.script.calls(), 2);
  EXPECT_EQ(world.last().lease, 0ms);
  EXPECT_EQ(world.last().token, 7U);
  EXPECT_FALSE(world.lock.held());
}

TEST(AdminLock, StaysWithWhoHeldItBeforeTheWork) {
  World world;
  ASSERT_TRUE(world.context.run(world.lock.take(world.clock.mono())).has_value());
  bool ran = false;
  EXPECT_TRUE(world.run(ran).has_value());
  EXPECT_TRUE(world.lock.held());
  EXPECT_EQ(world.last().lease, AdminLockHolder::kHoldTime);
  EXPECT_TRUE(world.context.run(world.lock.give_back()).has_value());
  EXPECT_EQ(world.last().lease, 0ms);
  const int calls = world.master.script.calls();
  EXPECT_TRUE(world.context.run(world.lock.give_back()).has_value());
  EXPECT_TRUE(world.context.run(world.lock.renew()).has_value());
  EXPECT_EQ(world.master.script.calls(), calls) << "what is not held is neither";
}

TEST(AdminLock, WaitsALittleForAnotherAndThenDoesNothing) {
  World world;
  world.master.script.set_error(Error(Errc::kConflict, "the cluster is locked by bob"));
  bool ran = false;
  const MonoTime begun = world.clock.mono();
  const auto refused = world.run(ran);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), Errc::kConflict);
  EXPECT_FALSE(ran);
  EXPECT_GE(world.clock.mono() - begun, AdminLockHolder::kPatience);
  EXPECT_GT(world.master.script.calls(), 2);
}

TEST(AdminLock, IsNoObstacleWhereMastersAreTooOldToKnowIt) {
  World world;
  world.master.script.set_error(Error(Errc::kUnimplemented, "no such method"));
  bool ran = false;
  EXPECT_TRUE(world.run(ran).has_value());
  EXPECT_TRUE(ran);
}

TEST(AdminLock, IsGivenBackWhenNobodySaidWhetherItWasTaken) {
  World world;
  world.master.script.set_error(Error(Errc::kDeadlineExceeded, "no answer"));
  EXPECT_FALSE(world.context.run(world.lock.take(world.clock.mono())).has_value());
  EXPECT_FALSE(world.lock.held());
  EXPECT_FALSE(world.context.run(world.lock.give_back()).has_value());
  world.master.script.set_error({});
  EXPECT_TRUE(world.context.run(world.lock.give_back()).has_value());
  EXPECT_EQ(world.last().lease, 0ms);
  const int calls = world.master.script.calls();
  EXPECT_TRUE(world.context.run(world.lock.give_back()).has_value());
  EXPECT_EQ(world.master.script.calls(), calls) << "it is given back by now";
}

TEST(AdminLock, NoticesThatItWasLost) {
  World world;
  ASSERT_TRUE(world.context.run(world.lock.take(world.clock.mono())).has_value());
  world.master.script.set_error(Error(Errc::kUnavailable, "no master leads"));
  EXPECT_FALSE(world.context.run(world.lock.renew()).has_value());
  EXPECT_TRUE(world.lock.held());
  EXPECT_FALSE(world.context.run(world.lock.take(world.clock.mono())).has_value());
  EXPECT_TRUE(world.lock.held()) << "only another's hold says that ours is gone";
  world.master.script.set_error(Error(Errc::kConflict, "the cluster is locked by bob"));
  EXPECT_FALSE(world.context.run(world.lock.renew()).has_value());
  EXPECT_FALSE(world.lock.held());
}

}  // namespace
}  // namespace kelp::test
