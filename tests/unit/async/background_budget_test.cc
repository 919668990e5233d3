#include "async/background_budget.h"

#include <gtest/gtest.h>

#include "tests/support/sim_context.h"

namespace kelp::test {
namespace {

constexpr std::uint64_t kRate = 8 << 20;
constexpr std::uint64_t kPiece = 1 << 20;

class BackgroundBudgetTest : public ::testing::Test {
 protected:
  /// Seconds of virtual time until `pieces` were let through; for each of them the foreground moves
  /// so many bytes.
  double time_for(int pieces, std::uint64_t foreground_each = 0,
                  std::uint32_t least_share = BackgroundBudget::kLeastShare) {
    const MonoTime begin = clock_.mono();
    world_.run(take_all(pieces, foreground_each, least_share));
    return std::chrono::duration<double>(clock_.mono() - begin).count();
  }
  Task<void> take_all(int pieces, std::uint64_t foreground_each, std::uint32_t least_share) {
    for (int i = 0; i < pieces; ++i) {
      const auto taken = co_await budget_.take(kPiece, least_share);
      EXPECT_TRUE(taken.has_value());
      if (foreground_each > 0) budget_.note_foreground(foreground_each);
    }
  }
  Task<void> rest(std::chrono::nanoseconds time) {
    EXPECT_TRUE((co_await timers_.sleep_until(clock_.mono() + time)).has_value());
  }

  SimContext world_{1};
  SimClock clock_{world_};
  SimTimers timers_{world_};
  BackgroundBudget budget_{kRate, clock_, timers_};
};

TEST_F(BackgroundBudgetTest, LetsThroughItsRateAndNoMore) {
  EXPECT_NEAR(time_for(80), 10, 0.5);
}

TEST_F(BackgroundBudgetTest, WhatWasNotUsedIsNotSavedUp) {
  world_.run(rest(std::chrono::hours(1)));
  EXPECT_GE(time_for(80), 9.5);
}

TEST_F(BackgroundBudgetTest, GivesWayToTheForegroundButNeverStops) {
  budget_.note_foreground(kRate / 2);
  world_.run(rest(std::chrono::seconds(1)));
  EXPECT_NEAR(static_cast<double>(budget_.rate()), kRate / 2.0, kRate / 10.0) << "the other half";
  // It moves more than all: an eighth is left, once that was noticed.
  EXPECT_NEAR(time_for(40, 100 * kPiece), 37, 2);
  EXPECT_EQ(budget_.rate(), kRate / 8);
  world_.run(rest(std::chrono::seconds(1)));
  EXPECT_EQ(budget_.rate(), kRate);
}

TEST_F(BackgroundBudgetTest, ManySmallRequestsCountAsWellAsFewLargeOnes) {
  for (int i = 0; i < 100; ++i) budget_.note_foreground(0);
  world_.run(rest(std::chrono::seconds(1)));
  EXPECT_EQ(budget_.rate(), kRate / 8);
}

TEST_F(BackgroundBudgetTest, UrgentWorkKeepsMoreOfTheRate) {
  EXPECT_NEAR(time_for(40, 100 * kPiece, 1), 5, 0.5) << "all of it";
  EXPECT_NEAR(time_for(40, 100 * kPiece, 2), 10, 1) << "a half";
  EXPECT_EQ(budget_.rate(8), kRate / 8);
}

TEST_F(BackgroundBudgetTest, CountsWhatWasMovedNotWhatWasAskedFor) {
  for (int i = 0; i < 80; ++i) {
    time_for(1);
    budget_.settle(kPiece, 0);
  }
  EXPECT_LE(time_for(1), 0.5) << "nothing was moved so far";
  budget_.settle(kPiece, 80 * kPiece);
  EXPECT_NEAR(time_for(1), 10, 0.5);
}

TEST_F(BackgroundBudgetTest, WhoWaitsNoLongerDelaysThoseAfterHim) {
  time_for(1);
  budget_.settle(kPiece, 80 * kPiece);
  const auto impatient = [](BackgroundBudget& budget) {
    return budget.take(kPiece, 1, std::chrono::seconds(2));
  };
  const MonoTime begin = clock_.mono();
  EXPECT_TRUE(world_.run(impatient(budget_)).has_value());
  EXPECT_EQ(clock_.mono() - begin, std::chrono::seconds(2));
  EXPECT_NEAR(time_for(1), 8, 0.5) << "the rest of the ten seconds";
}

TEST_F(BackgroundBudgetTest, WithoutALimitNobodyWaits) {
  BackgroundBudget unlimited(0, clock_, timers_);
  EXPECT_TRUE(world_.run(unlimited.take(1ULL << 40)).has_value());
  EXPECT_EQ(unlimited.rate(), 0U);
}

}  // namespace
}  // namespace kelp::test
