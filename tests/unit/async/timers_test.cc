#include "async/timers.h"

#include <gtest/gtest.h>

#include "async/runtime.h"
#include "async/task_group.h"

namespace kelp {
namespace {

Task<void> sleep_twice(Timers& timers, MonoTime never, int& cancelled) {
  for (int i = 0; i < 2; ++i) {
    const auto slept = co_await timers.sleep_until(never);
    if (!slept.has_value() && slept.error().code() == Errc::kCancelled) ++cancelled;
  }
}

Task<void> cancel_a_sleeper(Timers& timers, int& cancelled) {
  TaskGroup group(co_await asio::this_coro::executor);
  const MonoTime never = MonoTime::max();
  group.spawn(sleep_twice(timers, never, cancelled));
  // One turn of the loop, so that it sleeps.
  (void)co_await timers.sleep_until(MonoTime::min());
  group.cancel();
  co_await group.join();
}

TEST(AsioTimers, NeverWaitAgainOnceTheCoroutineIsCancelled) {
  Runtime runtime(1);
  const auto timers = make_asio_timers();
  int cancelled = 0;
  runtime.run(cancel_a_sleeper(*timers, cancelled));
  EXPECT_EQ(cancelled, 2);
}

}  // namespace
}  // namespace kelp
