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

class CertificateWatchTest : public testing::Test {
 protected:
  void write(const std::string& path, const std::string& content) {
    ASSERT_TRUE(write_file_atomically(disk_, path, content));
  }
  /// Notes how many changes were told, then makes one.
  void step(std::function<void()> change) {
    timers_.steps.emplace_back([this, change = std::move(change)] {
      seen_.push_back(changes_);
      change();
    });
  }
  void watch(std::vector<std::string> files, std::string folder = {}) {
    CertificateWatch watch(
        {disk_, pool_, clock_, timers_}, std::move(files), [this] { ++changes_; },
        std::move(folder));
    kelp::test::run_coro(watch.run());
  }
  kelp::test::SimDisk disk_;
  kelp::test::InlinePool pool_;
  kelp::test::ManualClock clock_;
  Steps timers_;
  int changes_ = 0;
  std::vector<int> seen_;
};

TEST_F(CertificateWatchTest, SaysOnceWhenAFileChanges) {
  ASSERT_TRUE(disk_.make_dirs("/tls"));
  write("/tls/cert", "first");
  write("/tls/key", "first");
  step([] {});
  step([this] { write("/tls/cert", "first"); });
  step([this] { write("/tls/cert", "second"); });
  step([this] { write("/tls/key", "second"); });
  step([] {});
  step([this] { ASSERT_TRUE(disk_.remove("/tls/key")); });
  step([this] { write("/tls/key", "second"); });
  watch({"/tls/cert", "/tls/key"});
  EXPECT_EQ(seen_, (std::vector{0, 0, 0, 1, 2, 2, 3}));
  EXPECT_EQ(changes_, 4);
  EXPECT_EQ(timers_.sleeps.front(), clock_.mono() + CertificateWatch::kInterval);
}

TEST_F(CertificateWatchTest, SeesTheFilesOfAFolderComeChangeAndGo) {
  ASSERT_TRUE(disk_.make_dirs("/names"));
  step([this] { write("/names/a.crt", ""); });
  step([this] { write("/names/a.crt", "first"); });
  step([] {});
  step([this] { ASSERT_TRUE(disk_.rename("/names/a.crt", "/names/b.crt")); });
  step([this] { ASSERT_TRUE(disk_.remove("/names/b.crt")); });
  step([] {});
  watch({"", ""}, "/names");
  EXPECT_EQ(seen_, (std::vector{0, 1, 2, 2, 3, 4}));
  EXPECT_EQ(changes_, 4);
}

}  // namespace
}  // namespace kelp::server
