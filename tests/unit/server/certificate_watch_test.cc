#include "server/certificate_watch.h"

#include <gtest/gtest.h>

#include <functional>

#include "tests/support/run_coro.h"
#include "tests/support/sim_disk.h"
#include "tests/unit/master/fakes.h"

namespace kelp::server {
namespace {

/// Between two looks it does what the test says; cancelled when nothing is left.
class Steps final : public Timers {
 public:
  Task<Result<void>> sleep_until(MonoTime when) override {
    sleeps.push_back(when);
    if (next == steps.size()) co_return Error(Errc::kCancelled, "the end");
    steps[next++]();
    co_return Result<void>();
  }
  std::vector<std::function<void()>> steps;
  std::vector<MonoTime> sleeps;
  std::size_t next = 0;
};

TEST(CertificateWatch, SaysOnceWhenAFileChanges) {
  kelp::test::SimDisk disk;
  kelp::test::InlinePool pool;
  kelp::test::ManualClock clock;
  Steps timers;
  const auto write = [&disk](const std::string& path, const std::string& content) {
    ASSERT_TRUE(write_file_atomically(disk, path, content));
  };
  ASSERT_TRUE(disk.make_dirs("/tls"));
  write("/tls/cert", "first");
  write("/tls/key", "first");
  int changes = 0;
  std::vector<int> seen;
  const auto step = [&](std::function<void()> change) {
    timers.steps.emplace_back([&, change = std::move(change)] {
      seen.push_back(changes);
      change();
    });
  };
  step([] {});
  step([&] { write("/tls/cert", "first"); });
  step([&] { write("/tls/cert", "second"); });
  step([&] { write("/tls/key", "second"); });
  step([] {});
  step([&] { ASSERT_TRUE(disk.remove("/tls/key")); });
  step([&] { write("/tls/key", "second"); });
  CertificateWatch watch({disk, pool, clock, timers}, {"/tls/cert", "/tls/key"},
                         [&changes] { ++changes; });
  kelp::test::run_coro(watch.run());
  EXPECT_EQ(seen, (std::vector{0, 0, 0, 1, 2, 2, 3}));
  EXPECT_EQ(changes, 4);
  EXPECT_EQ(timers.sleeps.front(), clock.mono() + CertificateWatch::kInterval);
}

}  // namespace
}  // namespace kelp::server
