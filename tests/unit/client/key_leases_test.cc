#include "client/key_leases.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/this_coro.hpp>
#include <set>
#include <thread>

#include "async/completion.h"
#include "async/runtime.h"
#include "tests/support/run_coro.h"

namespace kelp {
namespace {

class ManualClock final : public Clock {
 public:
  [[nodiscard]] MonoTime mono() const override { return MonoTime(since_); }
  [[nodiscard]] WallTime wall() const override { return WallTime(since_ + jumped_); }
  void advance(std::chrono::nanoseconds by) { since_ += by; }
  /// Somebody sets the wall clock.
  void jump(std::chrono::nanoseconds by) { jumped_ += by; }

 private:
  std::chrono::nanoseconds jumped_{};
  std::chrono::nanoseconds since_{std::chrono::hours(1)};
};

/// Leases rising keys of volume 1, or of the next one that is not excluded.
class FakeMaster final : public MasterClient {
 public:
  explicit FakeMaster(Clock& clock) : clock_(clock) {}

  Task<Result<WriteLease>> lease(LeaseRequest request) override {
    if (gate) {
      auto start = [this](std::function<void(bool)> done) { held = std::move(done); };
      co_await await_callback<bool>(std::move(start));
    }
    const std::lock_guard lock(mutex_);
    ++leases;
    if (request.bytes > room) co_return Error(Errc::kNoSpace, "the test's disk is full");
    if (request.exclude.size() >= volumes) {
      co_return Error(Errc::kUnavailable, "no volume could be made");
    }
    WriteLease lease;
    lease.volume = VolumeId{1};
    while (std::ranges::find(request.exclude, lease.volume) != request.exclude.end()) {
      ++lease.volume.value;
    }
    lease.first_key = NeedleKey{next_key};
    lease.key_count = request.key_count;
    next_key += request.key_count;
    lease.bytes = request.bytes;
    lease.generation = Generation{1};
    lease.token = "token";
    lease.expires = clock_.wall() + wrong_by + std::chrono::minutes(10);
    lease.lifetime = lifetime;
    lease.large_from = large_from;
    lease.classes = classes;
    asked.push_back(request.collection);
    if (!request.collection.empty()) lease.volume.value += 2000;
    if (request.large) {
      ++large_leases;
      lease.volume.value += 1000;
      lease.scheme = {.data = 4, .parity = 2};
    }
    co_return lease;
  }
  Task<Result<void>> release(VolumeId, std::uint64_t bytes) override {
    const std::lock_guard lock(mutex_);
    released += bytes;
    co_return Result<void>();
  }
  Task<Result<VolumeLocation>> locate(VolumeId) override {
    co_return Error(Errc::kUnimplemented, "not needed");
  }

  std::atomic<bool> gate = false;
  std::function<void(bool)> held;
  int leases = 0;
  int large_leases = 0;
  std::uint64_t large_from = 0;
  std::vector<std::string> classes;
  std::vector<std::string> asked;  ///< Collections, in the order of the leases.
  std::uint64_t next_key = 100;
  std::uint64_t released = 0;
  std::uint64_t room = UINT64_MAX;
  std::size_t volumes = SIZE_MAX;
  std::chrono::nanoseconds wrong_by{};  ///< Its clock.
  std::chrono::milliseconds lifetime = std::chrono::minutes(10);

 private:
  std::mutex mutex_;
  Clock& clock_;
};

struct House {
  ManualClock clock;
  FakeMaster master{clock};
};

constexpr KeyLeaseOptions kSmall{.keys = 8, .bytes = 1000};

Task<LeasedFid> must_next(KeyLeases& leases, std::uint64_t bytes, std::string storage_class = {}) {
  auto leased = co_await leases.next(bytes, std::move(storage_class));
  EXPECT_TRUE(leased.has_value());
  co_return leased.has_value() ? *std::move(leased) : LeasedFid{};
}

Task<bool> hands_out_each_key_once(House& house) {
  KeyLeases leases(house.master, house.clock, co_await asio::this_coro::executor, kSmall);
  std::set<std::uint64_t> keys;
  std::set<std::uint32_t> cookies;
  for (int i = 0; i < 1000; ++i) {
    const auto leased = co_await must_next(leases, 1);
    keys.insert(leased.fid.key.value);
    cookies.insert(leased.fid.cookie.value);
    EXPECT_EQ(leased.generation, Generation{1});
    EXPECT_EQ(leased.token, "token");
  }
  EXPECT_EQ(keys.size(), 1000u);
  EXPECT_GT(cookies.size(), 990u);
  co_await leases.close();
  co_return true;
}
TEST(KeyLeases, HandsOutEachKeyOnceUnderAFreshCookie) {
  House house;
  EXPECT_TRUE(test::run_coro(hands_out_each_key_once(house)));
}

Task<bool> forgets(House& house) {
  KeyLeases leases(house.master, house.clock, co_await asio::this_coro::executor, kSmall);
  auto old = co_await must_next(leases, 1);
  leases.forget();
  auto fresh = co_await must_next(leases, 1);
  EXPECT_GE(fresh.fid.key.value, 108u);
  EXPECT_EQ(leases.oldest_provisional(), old.fid.key);
  old.hold.release();
  fresh.hold.release();
  co_await leases.close();
  co_return true;
}
TEST(KeyLeases, TakesNewKeysWhenTheOldOnesAreRefused) {
  House house;
  EXPECT_TRUE(test::run_coro(forgets(house)));
}

Task<bool> leaves_outdated_keys_alone(House& house) {
  KeyLeases leases(house.master, house.clock, co_await asio::this_coro::executor, kSmall);
  co_await must_next(leases, 1);
  leases.forget();
  house.master.next_key = 50;  // a master that slept while others led, until it wakes up
  const auto fresh = co_await must_next(leases, 1);
  EXPECT_GE(fresh.fid.key.value, 108u);
  EXPECT_GE(leases.oldest_provisional().value, 108u);
  co_await leases.close();
  co_return true;
}
TEST(KeyLeases, OfAMasterThatLedLongAgoAreLeftAlone) {
  House house;
  EXPECT_TRUE(test::run_coro(leaves_outdated_keys_alone(house)));
}

Task<bool> keeps_large_apart(House& house) {
  KeyLeases leases(house.master, house.clock, co_await asio::this_coro::executor, kSmall);
  house.master.large_from = 500;
  // The first lease says what is large.
  auto large = co_await must_next(leases, 500);
  EXPECT_TRUE(large.scheme == (EcScheme{.data = 4, .parity = 2}));
  auto small = co_await must_next(leases, 499);
  EXPECT_FALSE(small.scheme);
  EXPECT_NE(small.fid.volume, large.fid.volume);
  EXPECT_EQ(house.master.leases, 2);
  EXPECT_EQ(leases.oldest_provisional(), std::min(small.fid.key, large.fid.key));
  // A volume that failed is given up in whichever it is.
  leases.report_failed(large.fid.volume);
  const auto other = co_await must_next(leases, 500);
  EXPECT_NE(other.fid.key, NeedleKey{large.fid.key.value + 1});
  EXPECT_EQ(house.master.large_leases, 2);
  house.master.large_from = 0;
  leases.forget();
  large.hold.release();
  EXPECT_FALSE((co_await must_next(leases, 1)).scheme);
  EXPECT_FALSE((co_await must_next(leases, 900)).scheme) << "the newest lease names no large ones";
  small.hold.release();
  co_await leases.close();
  co_return true;
}
TEST(KeyLeases, TakeLeasesOfTheirOwnForLargeNeedlesWhereTheMasterSaysSo) {
  House house;
  EXPECT_TRUE(test::run_coro(keeps_large_apart(house)));
}

Task<bool> keeps_classes_apart(House& house) {
  KeyLeases leases(house.master, house.clock, co_await asio::this_coro::executor, kSmall);
  house.master.classes = {"GLACIER"};
  // The first lease says which classes lie apart.
  auto cold = co_await must_next(leases, 1, "GLACIER");
  EXPECT_EQ(house.master.asked, (std::vector<std::string>{"", "GLACIER"}));
  EXPECT_TRUE(leases.lie_alike("", "STANDARD_IA"));
  EXPECT_FALSE(leases.lie_alike("", "GLACIER"));
  auto alike = co_await must_next(leases, 1, "STANDARD_IA");
  auto plain = co_await must_next(leases, 1);
  EXPECT_EQ(plain.fid.key.value, alike.fid.key.value + 1) << "of one lease";
  EXPECT_NE(cold.fid.volume, plain.fid.volume);
  EXPECT_EQ(house.master.leases, 2);
  EXPECT_EQ(leases.oldest_provisional(), std::min(cold.fid.key, alike.fid.key));
  leases.report_failed(cold.fid.volume);
  const auto other = co_await must_next(leases, 1, "GLACIER");
  EXPECT_EQ(house.master.asked.back(), "GLACIER");
  EXPECT_NE(other.fid.key.value, cold.fid.key.value + 1) << "the lease is given up";
  // The class is gone from the masters' configuration.
  house.master.classes.clear();
  leases.forget();
  co_await must_next(leases, 1);
  EXPECT_TRUE(leases.lie_alike("", "GLACIER"));
  cold.hold.release();
  alike.hold.release();
  plain.hold.release();
  co_await leases.close();
  co_return true;
}
TEST(KeyLeases, TakeLeasesOfTheirOwnForStorageClassesThatLieApart) {
  House house;
  EXPECT_TRUE(test::run_coro(keeps_classes_apart(house)));
}

Task<bool> oldest_follows(House& house) {
  KeyLeases leases(house.master, house.clock, co_await asio::this_coro::executor, kSmall);
  EXPECT_EQ(leases.oldest_provisional(), NeedleKey{0});
  EXPECT_TRUE((co_await leases.prepare()).has_value());
  EXPECT_EQ(leases.oldest_provisional(), NeedleKey{100});
  auto first = co_await must_next(leases, 1);
  auto second = co_await must_next(leases, 1);
  EXPECT_EQ(leases.oldest_provisional(), NeedleKey{100});
  second.hold.release();
  second.hold.release();
  EXPECT_EQ(leases.oldest_provisional(), NeedleKey{100});
  first.hold.release();
  EXPECT_EQ(leases.oldest_provisional(), NeedleKey{102});
  // An upload that outlives its lease holds its key all the same.
  const auto slow = co_await must_next(leases, 1);
  for (int i = 0; i < 100; ++i) co_await must_next(leases, 1);
  EXPECT_EQ(leases.oldest_provisional(), slow.fid.key);
  const ProvisionalKey moved = std::move(const_cast<LeasedFid&>(slow).hold);
  EXPECT_EQ(leases.oldest_provisional(), slow.fid.key);
  const_cast<ProvisionalKey&>(moved).release();
  EXPECT_GE(leases.oldest_provisional().value, 203u);
  EXPECT_LE(leases.oldest_provisional().value, house.master.next_key);
  co_await leases.close();
  co_return true;
}
TEST(KeyLeases, OldestProvisionalFollowsTheSlowestUpload) {
  House house;
  EXPECT_TRUE(test::run_coro(oldest_follows(house)));
}

Task<bool> takes_spares(House& house) {
  KeyLeases leases(house.master, house.clock, co_await asio::this_coro::executor, kSmall);
  for (int i = 0; i < 5; ++i) co_await must_next(leases, 1);
  EXPECT_EQ(house.master.leases, 1);  // the spare was asked for and runs when we wait
  auto start = [](std::function<void(bool)> done) { done(true); };
  co_await await_callback<bool>(start);
  co_await await_callback<bool>(start);
  EXPECT_EQ(house.master.leases, 2);
  for (int i = 0; i < 3; ++i) co_await must_next(leases, 1);
  EXPECT_EQ(house.master.leases, 2);
  const auto next = co_await must_next(leases, 1);
  EXPECT_EQ(next.fid.key, NeedleKey{108});
  EXPECT_EQ(house.master.leases, 2);
  co_await leases.close();
  co_return true;
}
TEST(KeyLeases, TakesTheNextLeaseBeforeTheFirstIsEmpty) {
  House house;
  EXPECT_TRUE(test::run_coro(takes_spares(house)));
}

Task<bool> respects_bytes(House& house) {
  KeyLeases leases(house.master, house.clock, co_await asio::this_coro::executor, kSmall);
  co_await must_next(leases, 700);
  co_await must_next(leases, 700);
  EXPECT_GE(house.master.leases, 2);
  co_await must_next(leases, 50'000);  // more than a lease usually has
  co_await leases.close();
  // Everything that was promised is given back in the end.
  EXPECT_GE(house.master.released, 52'000u);
  co_return true;
}
TEST(KeyLeases, NeverHandsOutMoreBytesThanALeaseHas) {
  House house;
  EXPECT_TRUE(test::run_coro(respects_bytes(house)));
}

Task<bool> nearly_full(House& house) {
  KeyLeases leases(house.master, house.clock, co_await asio::this_coro::executor, kSmall);
  house.master.room = 400;
  EXPECT_TRUE((co_await leases.next(400)).has_value());
  const auto refused = co_await leases.next(401);
  EXPECT_FALSE(refused.has_value());
  EXPECT_TRUE(!refused.has_value() && refused.error().code() == Errc::kNoSpace);
  co_await leases.close();
  co_return true;
}
TEST(KeyLeases, TakesWhatStillFitsOnANearlyFullDisk) {
  House house;
  EXPECT_TRUE(test::run_coro(nearly_full(house)));
}

Task<bool> avoids_failed(House& house) {
  KeyLeases leases(house.master, house.clock, co_await asio::this_coro::executor, kSmall);
  EXPECT_EQ((co_await must_next(leases, 1)).fid.volume, VolumeId{1});
  leases.report_failed(VolumeId{1});
  EXPECT_EQ((co_await must_next(leases, 1)).fid.volume, VolumeId{2});
  leases.report_failed(VolumeId{2});
  EXPECT_EQ((co_await must_next(leases, 1)).fid.volume, VolumeId{3});
  house.clock.advance(std::chrono::seconds(31));
  leases.report_failed(VolumeId{3});
  EXPECT_EQ((co_await must_next(leases, 1)).fid.volume, VolumeId{1});
  co_await leases.close();
  co_return true;
}
TEST(KeyLeases, AvoidsAFailedVolumeForAWhile) {
  House house;
  EXPECT_TRUE(test::run_coro(avoids_failed(house)));
}

Task<bool> all_failed(House& house) {
  KeyLeases leases(house.master, house.clock, co_await asio::this_coro::executor, kSmall);
  house.master.volumes = 2;
  for (const std::uint32_t volume : {1, 2, 1}) {
    EXPECT_EQ((co_await must_next(leases, 1)).fid.volume, VolumeId{volume});
    leases.report_failed(VolumeId{volume});
  }
  co_await leases.close();
  co_return true;
}
TEST(KeyLeases, TakeAFailedVolumeRatherThanNone) {
  House house;
  EXPECT_TRUE(test::run_coro(all_failed(house)));
}

Task<bool> drops_expiring(House& house) {
  KeyLeases leases(house.master, house.clock, co_await asio::this_coro::executor, kSmall);
  EXPECT_EQ((co_await must_next(leases, 1)).fid.key, NeedleKey{100});
  house.clock.advance(std::chrono::minutes(9) - std::chrono::seconds(1));
  EXPECT_EQ((co_await must_next(leases, 1)).fid.key, NeedleKey{101});
  house.clock.advance(std::chrono::seconds(1));
  EXPECT_EQ((co_await must_next(leases, 1)).fid.key, NeedleKey{108});
  co_await leases.close();
  EXPECT_FALSE((co_await leases.next(1)).has_value());
  co_return true;
}
TEST(KeyLeases, DropsALeaseBeforeItExpires) {
  House house;
  EXPECT_TRUE(test::run_coro(drops_expiring(house)));
}

Task<bool> ignores_wall_clocks(House& house) {
  KeyLeases leases(house.master, house.clock, co_await asio::this_coro::executor, kSmall);
  constexpr std::chrono::hours kDay{24};
  EXPECT_EQ((co_await must_next(leases, 1)).fid.key, NeedleKey{100});
  for (const auto jump : {kDay, -2 * kDay, kDay}) {
    house.clock.jump(jump);
    co_await must_next(leases, 1);
  }
  EXPECT_EQ(house.master.leases, 1);
  house.clock.advance(std::chrono::minutes(9));
  for (const auto wrong : {-kDay, kDay}) {
    house.master.wrong_by = wrong;
    const int before = house.master.leases;
    co_await must_next(leases, 1);
    co_await must_next(leases, 1);
    EXPECT_EQ(house.master.leases, before + 1);
    house.clock.advance(std::chrono::minutes(9));
  }
  co_await leases.close();
  co_return true;
}
TEST(KeyLeases, LastAsLongAsTheMasterSaysWhateverAnyWallClockSays) {
  House house;
  EXPECT_TRUE(test::run_coro(ignores_wall_clocks(house)));
}

Task<bool> reads_the_date(House& house) {
  KeyLeases leases(house.master, house.clock, co_await asio::this_coro::executor, kSmall);
  house.master.lifetime = {};
  co_await must_next(leases, 1);
  house.clock.advance(std::chrono::minutes(9) - std::chrono::seconds(1));
  co_await must_next(leases, 1);
  EXPECT_EQ(house.master.leases, 1);
  house.clock.advance(std::chrono::seconds(1));
  co_await must_next(leases, 1);
  EXPECT_EQ(house.master.leases, 2);
  co_await leases.close();
  co_return true;
}
TEST(KeyLeases, OfAnOlderMasterLastUntilTheirDate) {
  House house;
  EXPECT_TRUE(test::run_coro(reads_the_date(house)));
}

Task<void> many(KeyLeases& leases, std::mutex& mutex, std::set<std::uint64_t>& keys) {
  for (int i = 0; i < 2000; ++i) {
    const auto leased = co_await leases.next(1);
    EXPECT_TRUE(leased.has_value());
    if (!leased.has_value()) co_return;
    EXPECT_LE(leases.oldest_provisional(), leased->fid.key);
    const std::lock_guard lock(mutex);
    EXPECT_TRUE(keys.insert(leased->fid.key.value).second);
  }
}
Task<void> close_it(KeyLeases& leases) {
  co_await leases.close();
}
TEST(KeyLeases, ServesSeveralIoThreadsAtOnce) {
  House house;
  Runtime runtime(3);
  std::mutex mutex;
  std::set<std::uint64_t> keys;
  {
    KeyLeases leases(house.master, house.clock, runtime.executor(0), kSmall);
    std::atomic<int> running = 0;
    for (std::size_t i = 0; i < 12; ++i) {
      ++running;
      asio::co_spawn(runtime.executor(i % 3), many(leases, mutex, keys),
                     [&running](const std::exception_ptr&) {
                       --running;
                       running.notify_all();
                     });
    }
    for (int left = running; left != 0; left = running) running.wait(left);
    EXPECT_EQ(keys.size(), 24'000u);
    runtime.run(close_it(leases));
  }
  runtime.stop();
}

Task<void> one_waits(KeyLeases& leases, int& served) {
  if ((co_await leases.next(1)).has_value()) ++served;
}
TEST(KeyLeases, ManyWaitersShareOneRequestToTheMaster) {
  House house;
  asio::io_context context(1);
  KeyLeases leases(house.master, house.clock, context.get_executor(), kSmall);
  house.master.gate = true;
  int served = 0;
  for (int i = 0; i < 4; ++i) {
    asio::co_spawn(context, one_waits(leases, served), asio::detached);
  }
  context.poll();
  EXPECT_EQ(served, 0);
  house.master.gate = false;
  std::exchange(house.master.held, nullptr)(true);
  context.run();
  EXPECT_EQ(served, 4);
  EXPECT_EQ(house.master.leases, 1);
  asio::co_spawn(context, close_it(leases), asio::detached);
  context.restart();
  context.run();
}

}  // namespace
}  // namespace kelp
