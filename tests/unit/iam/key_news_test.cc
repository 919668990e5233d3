// Keys that another gateway made are known when they are used, and whoever uses keys that nobody
// has costs the filers no more than time does.

#include <gtest/gtest.h>

#include "async/task_group.h"
#include "iam/key_ring.h"
#include "tests/support/sim_context.h"
#include "tests/unit/iam/iam_parts.h"

namespace kelp::iam::test {
namespace {

using namespace std::chrono_literals;
using kelp::test::SimClock;
using kelp::test::SimContext;
using kelp::test::SimTimers;

/// Answers take `way` back.
class FarIdentities final : public IdentityStore {
 public:
  FarIdentities(IdentityStore& store, Clock& clock, Timers& timers)
      : store_(store), clock_(clock), timers_(timers) {}
  Task<Result<Identities>> read_identities(ReadIdentities request) override {
    auto page = co_await store_.read_identities(std::move(request));
    if (way.count() > 0) (void)co_await timers_.sleep_until(clock_.mono() + way);
    co_return page;
  }
  Task<Result<IdentityRevision>> change_identities(ChangeIdentities request) override {
    return store_.change_identities(std::move(request));
  }
  std::chrono::nanoseconds way{0};

 private:
  IdentityStore& store_;
  Clock& clock_;
  Timers& timers_;
};

class KeyNewsTest : public testing::Test {
 protected:
  /// A user with this key, as some other gateway stores it.
  void store(const std::string& name, const std::string& key_id) {
    Entity user;
    user.name = name;
    user.id = "AIDA" + name;
    user.keys = {{key_id, ring_.vault().seal_secret("secret", key_id), true, kNow}};
    store_.rows[row_key(roots_.root.who.account, user.kind, user.name)] = encode_entity(user);
    ++store_.revision;
  }
  /// What a gateway does with a key that it does not know.
  Task<void> use(std::string key_id) {
    if (ring_.hold(key_id, "") == nullptr) co_await ring_.catch_up();
    ++(ring_.hold(key_id, "") == nullptr ? refused_ : served_);
  }
  Task<void> strangers(int count) {
    TaskGroup group(world_.executor());
    for (int i = 0; i < count; ++i) group.spawn(use("NOBODY" + std::to_string(i)));
    co_await group.join();
  }
  /// Runs `work` while the ring follows what changes.
  template <typename Work>
  void run(Work work) {
    world_.run(follow(std::move(work)));
  }
  template <typename Work>
  Task<void> follow(Work work) {
    TaskGroup background(world_.executor());
    background.spawn(ring_.run());
    co_await work();
    background.cancel();
    co_await background.join();
  }
  Task<void> sleep(std::chrono::nanoseconds span) {
    (void)co_await timers_.sleep_until(clock_.mono() + span);
  }

  SimContext world_{1};
  SimClock clock_{world_};
  SimTimers timers_{world_};
  OneRoot roots_;
  MemIdentities store_;
  FarIdentities far_{store_, clock_, timers_};
  KeyRing ring_{{far_, roots_, clock_, timers_}, {roots_.root.account}, "a cluster's secret"};
  int served_ = 0;
  int refused_ = 0;
};

TEST_F(KeyNewsTest, AKeyCountsThatAnotherGatewayMadeJustNow) {
  run([this]() -> Task<void> {
    for (int i = 0; i < 50; ++i) {
      const std::string key = "AKIA" + std::to_string(i);
      co_await sleep(std::chrono::milliseconds(i * 7));  // at every moment between two readings
      store("user" + std::to_string(i), key);
      const MonoTime asked = clock_.mono();
      co_await use(key);
      EXPECT_LE(clock_.mono() - asked, KeyRing::kLeastPause);
    }
  });
  EXPECT_EQ(served_, 50);
}

TEST_F(KeyNewsTest, AReadingThatBeganBeforeAnswersNobody) {
  far_.way = 50ms;
  run([this]() -> Task<void> {
    co_await sleep(10ms);  // the first reading is on its way back
    store("ann", "AKIA1");
    co_await use("AKIA1");
  });
  EXPECT_EQ(served_, 1);
}

TEST_F(KeyNewsTest, AFloodOfUnknownKeysCostsNoMoreThanTenReadingsASecond) {
  run([this]() -> Task<void> {
    const MonoTime began = clock_.mono();
    const int before = store_.reads;
    while (clock_.mono() - began < 3s) co_await strangers(500);
    EXPECT_LE(store_.reads - before, 31);
  });
  EXPECT_GE(refused_, 10'000);
}

TEST_F(KeyNewsTest, AChangeCountsWithoutAnybodyWhoAsks) {
  run([this]() -> Task<void> {
    co_await sleep(1s);
    const int before = store_.reads;
    store("ann", "AKIA1");
    co_await sleep(KeyRing::kInterval + KeyRing::kLeastPause);
    EXPECT_NE(ring_.hold("AKIA1", ""), nullptr);
    co_await sleep(10s);
    EXPECT_LE(store_.reads - before, 45);
  });
}

TEST_F(KeyNewsTest, MoreThanMayWaitAreRefusedAtOnce) {
  run([this]() -> Task<void> {
    co_await sleep(10ms);
    const MonoTime asked = clock_.mono();
    TaskGroup group(world_.executor());
    group.spawn(strangers(static_cast<int>(KeyRing::kMostWaiting) + 7));
    co_await sleep(1ms);
    EXPECT_EQ(refused_, 7);
    store("ann", "AKIA1");
    co_await use("AKIA1");
    EXPECT_EQ(clock_.mono() - asked, 1ms);
    EXPECT_EQ(refused_, 8);
    co_await group.join();
  });
  EXPECT_EQ(refused_, static_cast<int>(KeyRing::kMostWaiting) + 8);
}

TEST_F(KeyNewsTest, NobodyWaitsForAReadingThatFailsOrNeverComes) {
  store_.down = true;
  run([this]() -> Task<void> { co_await strangers(3); });
  EXPECT_EQ(refused_, 3);
  world_.run(use("NOBODY"));
  EXPECT_EQ(refused_, 4) << "nobody follows";
}

TEST_F(KeyNewsTest, WhoeverWaitsWhenTheGatewayEndsIsAnswered) {
  TaskGroup waiting(world_.executor());
  run([this, &waiting]() -> Task<void> {
    co_await sleep(10ms);
    waiting.spawn(use("NOBODY"));
    co_await sleep(1ms);
    EXPECT_EQ(refused_, 0);
  });
  world_.run(waiting.join());
  EXPECT_EQ(refused_, 1);
}

}  // namespace
}  // namespace kelp::iam::test
