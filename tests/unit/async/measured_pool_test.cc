#include "async/measured_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>

namespace kelp {
namespace {

/// Stands still until it is moved.
class StillClock final : public Clock {
 public:
  [[nodiscard]] MonoTime mono() const override { return MonoTime(std::chrono::seconds(seconds)); }
  [[nodiscard]] WallTime wall() const override { return {}; }
  std::atomic<int> seconds = 0;
};

struct Measured {
  [[nodiscard]] double counted(const std::string& what) {
    return metrics.counter("kelp_async_pool_" + what, "", {{"pool", "disk"}}).Value();
  }
  [[nodiscard]] double threads() {
    return metrics.gauge("kelp_async_pool_threads", "", {{"pool", "disk"}}).Value();
  }
  [[nodiscard]] std::unique_ptr<WorkPool> make(ThreadPoolOptions options) {
    return make_measured_pool(options, {metrics, clock, "disk", ""});
  }

  Metrics metrics;
  StillClock clock;
};

TEST(MeasuredPool, SaysHowLongWorkWaitedAndHowLongItRan) {
  Measured m;
  auto pool = m.make({.threads = 1, .queue_limit = 1});
  std::latch started(1);
  std::latch go_on(1);
  ASSERT_TRUE(pool->try_post([&] {
    started.count_down();
    go_on.wait();
  }));
  started.wait();
  ASSERT_TRUE(pool->try_post([&] { m.clock.seconds += 2; }));
  EXPECT_FALSE(pool->try_post([] { ADD_FAILURE() << "it was refused"; }));
  EXPECT_EQ(m.threads(), 1);
  m.clock.seconds = 3;
  go_on.count_down();
  pool.reset();
  EXPECT_EQ(m.counted("waited_seconds_total"), 3);
  EXPECT_EQ(m.counted("busy_seconds_total"), 3 + 2);
  EXPECT_EQ(m.counted("refused_total"), 1);
  EXPECT_EQ(m.threads(), 0);
}

TEST(MeasuredPool, PoolsOfOneNameCountTogetherAndThoseOfADirectoryApart) {
  Measured m;
  const auto first = m.make({.threads = 2});
  const auto second = m.make({.threads = 3});
  const auto other = make_measured_pool({.threads = 4}, {m.metrics, m.clock, "disk", "/mnt/disk1"});
  EXPECT_EQ(m.threads(), 5);
  EXPECT_TRUE(m.metrics.text().contains(
      "kelp_async_pool_threads{directory=\"/mnt/disk1\",pool=\"disk\"} 4"));
}

}  // namespace
}  // namespace kelp
