#include "rpc/retry.h"

#include <gtest/gtest.h>

namespace kelp {
namespace {

using namespace std::chrono_literals;

TEST(Backoff, DoublesUpToTheMostWithJitterAndStartsOverAfterSuccess) {
  Rng rng(1);
  Backoff backoff({.first = 20ms, .most = 100ms});
  for (const auto whole : {20ms, 40ms, 80ms, 100ms, 100ms}) {
    const auto wait = backoff.failed(rng);
    EXPECT_GE(wait, whole / 2);
    EXPECT_LE(wait, whole);
  }
  backoff.succeeded();
  EXPECT_LE(backoff.failed(rng), 20ms);
}

TEST(Backoff, TwoClientsDoNotReturnAsOne) {
  Rng one(1), two(2);
  Backoff a({}), b({});
  EXPECT_NE(a.failed(one), b.failed(two));
}

TEST(Retry, OnlyWhatMayHappenTwiceOrDidNotHappenIsRepeated) {
  const FailedCall gone{.code = Errc::kUnavailable, .repeatable = true};
  EXPECT_TRUE(may_repeat(gone));
  EXPECT_FALSE(may_repeat({.code = Errc::kUnavailable, .repeatable = false}));
  for (const Errc code : {Errc::kDeadlineExceeded, Errc::kResourceExhausted, Errc::kCancelled,
                          Errc::kCorruption, Errc::kNotFound, Errc::kUnauthenticated}) {
    EXPECT_FALSE(may_repeat({.code = code, .repeatable = true})) << name_of(code);
  }
  EXPECT_TRUE(may_repeat({.code = Errc::kUnavailable, .reason = Reason::kNotLeader}))
      << "nothing was done";
  EXPECT_TRUE(may_repeat({.code = Errc::kUnavailable, .sent = false}));
  EXPECT_FALSE(may_repeat({.code = Errc::kUnauthenticated, .sent = false}));
}

TEST(Retry, WhatALeavingServerDidNotBeginIsRepeatedAndCostsNothing) {
  FailedCall call{.code = Errc::kUnavailable, .sent = false, .leaving = true};
  EXPECT_TRUE(is_free(call));
  EXPECT_FALSE(waits_for_server(call)) << "somebody else answers";
  while (may_repeat(call)) ++call.attempts;
  EXPECT_EQ(call.attempts, 4U);
  call.awaited = true;
  EXPECT_TRUE(waits_for_server(call)) << "nobody else does";
  EXPECT_FALSE(is_free({.code = Errc::kUnavailable, .repeatable = true}));
  EXPECT_FALSE(is_free({.code = Errc::kUnavailable, .sent = false}));
  EXPECT_TRUE(is_free({.code = Errc::kUnavailable, .reason = Reason::kNotLeader}));
}

TEST(Retry, AttemptsHaveALimit) {
  FailedCall call{.code = Errc::kUnavailable, .repeatable = true};
  while (may_repeat(call)) ++call.attempts;
  EXPECT_EQ(call.attempts, 4U);
  call.reason = Reason::kNotLeader;
  while (may_repeat(call)) ++call.attempts;
  EXPECT_EQ(call.attempts, 200U) << "an election takes longer";
  call = {.code = Errc::kUnavailable, .sent = false, .awaited = true};
  while (may_repeat(call)) ++call.attempts;
  EXPECT_EQ(call.attempts, 200U) << "so does a restart";
  call.sent = true;
  EXPECT_FALSE(may_repeat(call));
}

TEST(Retry, TheBudgetGivesATenthOfWhatWorked) {
  RetryBudget budget;
  int taken = 0;
  while (budget.take()) ++taken;
  EXPECT_EQ(taken, 32);
  for (int i = 0; i < 9; ++i) budget.succeeded();
  EXPECT_FALSE(budget.take());
  budget.succeeded();
  EXPECT_TRUE(budget.take());
  EXPECT_FALSE(budget.take());
  for (int i = 0; i < 10'000; ++i) budget.succeeded();
  for (taken = 0; budget.take();) ++taken;
  EXPECT_EQ(taken, 32) << "it does not grow without end";
}

}  // namespace
}  // namespace kelp
