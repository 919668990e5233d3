#include "volume/core/frequency_sketch.h"

#include <gtest/gtest.h>

#include "base/rng.h"

namespace kelp {
namespace {

TEST(FrequencySketch, CountsUpToItsMost) {
  FrequencySketch sketch(1000);
  EXPECT_EQ(sketch.estimate(7), 0U);
  for (unsigned seen = 1; seen <= 40; ++seen) {
    sketch.add(7);
    EXPECT_EQ(sketch.estimate(7), std::min(seen, FrequencySketch::kMost));
  }
  EXPECT_EQ(sketch.estimate(8), 0U);
}

TEST(FrequencySketch, TellsWhatCameOnceFromWhatCameTwice) {
  constexpr std::uint64_t kKeys = 100'000;
  FrequencySketch sketch(kKeys);
  for (std::uint64_t key = 0; key < 2 * kKeys; ++key) sketch.add(key);
  std::uint64_t wrong = 0;
  for (std::uint64_t key = 0; key < 2 * kKeys; ++key) {
    EXPECT_GE(sketch.estimate(key), 1U) << "never too low";
    wrong += sketch.estimate(key) > 1 ? 1 : 0;
  }
  EXPECT_LT(wrong, 2 * kKeys / 100) << "twice as many as it was made for";
}

// Nobody lives on old fame.
TEST(FrequencySketch, ForgetsWhatIsNotSeenAnyMore) {
  FrequencySketch sketch(100);
  for (unsigned times = 0; times < FrequencySketch::kMost; ++times) sketch.add(7);
  std::uint64_t other = 1000;
  while (sketch.estimate(7) > 1) {
    ASSERT_LT(other, 1000 + 5 * sketch.window());
    sketch.add(++other);
  }
}

TEST(FrequencySketch, TakesEightBytesAKey) {
  EXPECT_LE(FrequencySketch(1'000'000).memory_bytes(), 8'000'000U);
}

}  // namespace
}  // namespace kelp
