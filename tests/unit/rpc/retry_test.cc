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

}  // namespace
}  // namespace kelp
