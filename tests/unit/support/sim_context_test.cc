#include "tests/support/sim_context.h"

#include <gtest/gtest.h>

#include "async/event.h"
#include "async/task_group.h"

namespace kelp::test {
namespace {

using namespace std::chrono_literals;

Task<void> tick_for(SimContext& world, Timers& timers, std::chrono::seconds span, int* ticks) {
  const MonoTime end = world.now() + span;
  while (world.now() < end) {
    EXPECT_TRUE(co_await timers.sleep_until(world.now() + 10ms));
    ++*ticks;
  }
}

TEST(SimContext, ThreeVirtualHoursPassAtOnce) {
  SimContext world(1);
  SimTimers timers(world);
  const SimClock clock(world);
  const MonoTime start = clock.mono();
  const WallTime wall = clock.wall();
  int ticks = 0;
  world.run(tick_for(world, timers, 3h, &ticks));
  EXPECT_EQ(ticks, 3 * 3600 * 100);
  EXPECT_EQ(clock.mono() - start, 3h);
  EXPECT_EQ(clock.wall() - wall, 3h);
}

Task<void> sleeper(Timers& timers, MonoTime when, std::vector<Errc>* outcomes) {
  const auto result = co_await timers.sleep_until(when);
  outcomes->push_back(result ? Errc{} : result.error().code());
  // Cancelled once, cancelled for good: a second wait does not hang and does not throw.
  if (!result) outcomes->push_back((co_await timers.sleep_until(when)).error().code());
}

Task<void> cancel_a_sleeper(SimContext& world, Timers& timers, std::vector<Errc>* outcomes) {
  TaskGroup group(co_await asio::this_coro::executor);
  const MonoTime far = world.now() + 1000h;
  group.spawn(sleeper(timers, far, outcomes));
  group.spawn(sleeper(timers, world.now() + 1s, outcomes));
  EXPECT_TRUE(co_await timers.sleep_until(world.now() + 2s));
  group.cancel();
  co_await group.join();
  EXPECT_LT(world.now(), far);
}

TEST(SimContext, SleepEndsWithCancellation) {
  SimContext world(1);
  SimTimers timers(world);
  std::vector<Errc> outcomes;
  world.run(cancel_a_sleeper(world, timers, &outcomes));
  EXPECT_EQ(outcomes, (std::vector{Errc{}, Errc::kCancelled, Errc::kCancelled}));
}

Task<void> cancel_before_the_start(int* ran) {
  TaskGroup group(co_await asio::this_coro::executor);
  struct Count {
    static Task<void> up(int* n) {
      ++*n;
      co_return;
    }
  };
  group.spawn(Count::up(ran));
  group.cancel();
  co_await group.join();
}

TEST(SimContext, ATaskCancelledBeforeItsFirstLineEnds) {
  SimContext world(1);
  int ran = 0;
  world.run(cancel_before_the_start(&ran));
  EXPECT_EQ(ran, 0);
}

Task<void> wait_for(Event& event, const bool& flag, int* woken) {
  while (!flag) {
    if (!co_await event.wait()) co_return;
  }
  ++*woken;
}

Task<void> notify(Event& event, bool* flag, int* woken) {
  TaskGroup group(co_await asio::this_coro::executor);
  for (int i = 0; i < 3; ++i) group.spawn(wait_for(event, *flag, woken));
  struct Yield {
    static Task<void> now() { co_await asio::post(asio::use_awaitable); }
  };
  for (int i = 0; i < 50; ++i) co_await Yield::now();
  event.notify_all();  // spurious: nobody's condition holds
  for (int i = 0; i < 50; ++i) co_await Yield::now();
  EXPECT_EQ(*woken, 0);
  *flag = true;
  event.notify_all();
  co_await group.join();
}

TEST(SimContext, AnEventWakesAllThatWait) {
  SimContext world(3);
  Event event;
  bool flag = false;
  int woken = 0;
  world.run(notify(event, &flag, &woken));
  EXPECT_EQ(woken, 3);
  EXPECT_TRUE(event.idle());
}

Task<int> offloaded(WorkPool& pool) {
  std::move_only_function<Result<int>()> work = [] { return Result<int>(42); };
  const auto result = co_await offload<int>(pool, std::move(work));
  co_return result ? *result : -static_cast<int>(result.error().code());
}

TEST(SimContext, ThePoolRunsWorkLaterAndRefusesWhenFull) {
  SimContext world(5);
  SimWorkPool pool(world);
  EXPECT_EQ(world.run(offloaded(pool)), 42);
  SimWorkPool none(world, {.queue_limit = 0});
  EXPECT_EQ(world.run(offloaded(none)), -static_cast<int>(Errc::kResourceExhausted));
}

std::string order_of(std::uint64_t seed) {
  SimContext world(seed);
  std::string order;
  for (char c = 'a'; c < 'i'; ++c) world.post([c, &order] { order += c; });
  world.run_out();
  return order;
}

TEST(SimContext, TheSeedOrdersWhatIsReady) {
  EXPECT_EQ(order_of(1), order_of(1));
  EXPECT_NE(order_of(1), order_of(2));
}

}  // namespace
}  // namespace kelp::test
