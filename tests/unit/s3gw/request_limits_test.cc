// Limits of requests: by the second and at once, of the gateway, of buckets and of keys.

#include "s3gw/request_limits.h"

#include <gtest/gtest.h>

#include <vector>

namespace kelp::s3 {
namespace {

using namespace std::chrono_literals;

const MonoTime kStart{1000s};

LimitOptions parsed(std::vector<std::string> words) {
  const auto options = parse_limits(words);
  EXPECT_TRUE(options.has_value());
  return options.value_or(LimitOptions{});
}

TEST(RequestLimits, AreWordsOfTheConfiguration) {
  EXPECT_EQ(parsed({}), LimitOptions{});
  EXPECT_EQ(parsed({"key.per_second=100", "bucket.at_once=7", "gateway.per_second=10000000"}),
            (LimitOptions{.gateway = {.per_second = 10'000'000},
                          .bucket = {.at_once = 7},
                          .key = {.per_second = 100}}));
  for (const char* word :
       {"", "key", "key.per_second", "key.per_second=", "key.per_second=0", "key.per_second=-1",
        "key.per_second=1x", "key.per_second=10000001", "user.per_second=1", "key.often=1",
        "key.per_second =1", "keyper_second=1"}) {
    EXPECT_FALSE(parse_limits(std::vector<std::string>{word}).has_value()) << word;
  }
  EXPECT_FALSE(
      parse_limits(std::vector<std::string>{"key.at_once=1", "key.at_once=1"}).has_value());
}

TEST(RequestLimits, ASecondHasSoManyRequests) {
  RequestLimits limits({.key = {.per_second = 10}});
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(limits.enter_key("a", kStart)) << i;
  EXPECT_FALSE(limits.enter_key("a", kStart));
  EXPECT_FALSE(limits.enter_key("a", kStart + 99ms));
  EXPECT_TRUE(limits.enter_key("a", kStart + 100ms));
  EXPECT_FALSE(limits.enter_key("a", kStart + 199ms));
  // In the long run the rate, whoever asks how often.
  int taken = 0;
  for (auto at = 1000ms; at < 11000ms; at += 1ms)
    taken += limits.enter_key("a", kStart + at) ? 1 : 0;
  EXPECT_GE(taken, 100);
  EXPECT_LE(taken, 110);
}

TEST(RequestLimits, NobodyPaysForAnother) {
  RequestLimits limits({.bucket = {.at_once = 1}, .key = {.per_second = 1}});
  EXPECT_TRUE(limits.enter_key("a", kStart));
  EXPECT_FALSE(limits.enter_key("a", kStart));
  EXPECT_TRUE(limits.enter_key("b", kStart));
  const auto held = limits.enter_bucket("a", kStart);
  EXPECT_TRUE(held);
  EXPECT_FALSE(limits.enter_bucket("a", kStart));
  EXPECT_TRUE(limits.enter_bucket("b", kStart));
}

TEST(RequestLimits, WhatEndsMakesRoom) {
  RequestLimits limits({.gateway = {.at_once = 2}});
  {
    const auto one = limits.enter_gateway(kStart);
    auto two = limits.enter_gateway(kStart);
    ASSERT_TRUE(one && two);
    EXPECT_FALSE(limits.enter_gateway(kStart));
    EXPECT_FALSE(limits.enter_gateway(kStart)) << "a refusal takes no room";
    {
      const RequestLimits::Permit moved = *std::move(two);
    }
    EXPECT_TRUE(limits.enter_gateway(kStart));
  }
  const auto one = limits.enter_gateway(kStart);
  const auto two = limits.enter_gateway(kStart);
  EXPECT_TRUE(one && two);
  EXPECT_FALSE(limits.enter_gateway(kStart));
}

TEST(RequestLimits, GatewaysHaveTheirSharesOfThem) {
  RequestLimits limits({.bucket = {.at_once = 5}, .key = {.per_second = 10}});
  const auto taken = [&limits](MonoTime now) {
    std::vector<RequestLimits::Permit> held;
    while (auto permit = limits.enter_bucket("b", now)) held.push_back(*std::move(permit));
    int keys = 0;
    while (limits.enter_key("a", now)) ++keys;
    return std::pair(static_cast<int>(held.size()), keys);
  };
  limits.share(2);
  EXPECT_EQ(taken(kStart), std::pair(3, 5));
  limits.share(1);
  EXPECT_EQ(taken(kStart + 5s), std::pair(5, 10));
  limits.share(100);
  EXPECT_EQ(taken(kStart + 10s), std::pair(1, 1))
      << "a share is never nothing, nor without a limit";
  limits.share(0);
  EXPECT_EQ(taken(kStart + 15s), std::pair(5, 10));
}

TEST(RequestLimits, WithoutALimitNothingIsRefused) {
  RequestLimits limits({});
  std::vector<std::optional<RequestLimits::Permit>> held;
  for (int i = 0; i < 1000; ++i) {
    held.push_back(limits.enter_gateway(kStart));
    held.push_back(limits.enter_bucket("a", kStart));
    held.push_back(limits.enter_key("", kStart));
  }
  for (const auto& permit : held) EXPECT_TRUE(permit);
}

// A million names must not take memory without end, nor their flood free somebody who is counted.
TEST(RequestLimits, ManyNamesAreBounded) {
  RequestLimits limits({.bucket = {.at_once = 1}});
  const auto held = limits.enter_bucket("known", kStart);
  std::vector<std::optional<RequestLimits::Permit>> flood;
  int refused = 0;
  for (int i = 0; i < 100'000; ++i) {
    flood.push_back(limits.enter_bucket("flood-" + std::to_string(i), kStart));
    refused += flood.back() ? 0 : 1;
  }
  EXPECT_GT(refused, 20'000) << "those past the bound share a count";
  EXPECT_FALSE(limits.enter_bucket("known", kStart));
  flood.clear();
  EXPECT_TRUE(limits.enter_bucket("another", kStart + 1s)) << "what ended is forgotten";
  EXPECT_FALSE(limits.enter_bucket("known", kStart + 1s));
}

}  // namespace
}  // namespace kelp::s3
