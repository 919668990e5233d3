// Of several filers on one store one collects, until it stops to.
#include "filer/collector_turn.h"

#include <gtest/gtest.h>

#include "kv/mem_kv.h"
#include "tests/support/run_coro.h"

namespace kelp {
namespace {

using std::chrono::seconds;

class Turns : public testing::Test {
 protected:
  bool take(std::uint64_t holder, int second) {
    const WallTime now = WallTime(std::chrono::days(20'000)) + seconds(second);
    return test::run_coro(take_turn(kv_, CollectorTurn{holder, seconds(40)}, now)).value();
  }

  std::unique_ptr<KvStore> store_ = make_mem_kv();
  std::unique_ptr<WorkPool> pool_ = make_thread_pool({.threads = 1});
  KvAsync kv_{*store_, *pool_};
};

TEST_F(Turns, TheFirstOneKeepsItWhileItProlongsIt) {
  EXPECT_TRUE(take(1, 0));
  EXPECT_FALSE(take(2, 1));
  EXPECT_TRUE(take(1, 30));
  EXPECT_FALSE(take(2, 69));
}

TEST_F(Turns, AnotherOneTakesItWhenItEnded) {
  EXPECT_TRUE(take(1, 0));
  EXPECT_TRUE(take(2, 40));
  EXPECT_FALSE(take(1, 41));
}

}  // namespace
}  // namespace kelp
