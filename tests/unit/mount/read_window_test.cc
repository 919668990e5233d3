#include "mount/core/read_window.h"

#include <gtest/gtest.h>

namespace kelp::mount {
namespace {

constexpr std::uint64_t kKiB = 1 << 10;
constexpr std::uint64_t kMiB = 1 << 20;
constexpr std::uint64_t kEnd = 100 * kMiB;

TEST(ReadWindow, GrowsForAReaderThatReadsOn) {
  ReadWindow window(2 * kMiB);
  std::uint64_t at = 0;
  for (const std::uint64_t expected : {512 * kKiB, kMiB, 2 * kMiB, 2 * kMiB}) {
    EXPECT_EQ(window.fetch_bytes(at, 4 * kKiB, kEnd), expected);
    at += expected;
    window.answered(at);
  }
}

TEST(ReadWindow, FetchesWhatAReaderThatJumpsAskedFor) {
  ReadWindow window(8 * kMiB);
  EXPECT_EQ(window.fetch_bytes(50 * kMiB, 4 * kKiB, kEnd), 4 * kKiB);
  window.answered(50 * kMiB + 4 * kKiB);
  EXPECT_EQ(window.fetch_bytes(10, 100, kEnd), 100);
  window.answered(110);
  // It reads on: small again, then growing.
  EXPECT_EQ(window.fetch_bytes(110, 100, kEnd), 512 * kKiB);
}

TEST(ReadWindow, EndsWithTheFile) {
  ReadWindow window(8 * kMiB);
  EXPECT_EQ(window.fetch_bytes(0, 4 * kKiB, 1000), 1000);
  EXPECT_EQ(window.fetch_bytes(999, 4 * kKiB, 1000), 1);
  EXPECT_EQ(window.fetch_bytes(1000, 4 * kKiB, 1000), 0);
  EXPECT_EQ(window.fetch_bytes(2000, 4 * kKiB, 1000), 0);
  EXPECT_EQ(window.fetch_bytes(0, 4 * kKiB, 0), 0);
}

TEST(ReadWindow, WithoutReadAheadFetchesWhatWasAsked) {
  ReadWindow window(0);
  EXPECT_EQ(window.fetch_bytes(0, 4 * kKiB, kEnd), 4 * kKiB);
  window.answered(4 * kKiB);
  EXPECT_EQ(window.fetch_bytes(4 * kKiB, 4 * kKiB, kEnd), 4 * kKiB);
  ReadWindow small(kKiB);
  EXPECT_EQ(small.fetch_bytes(0, 4 * kKiB, kEnd), 4 * kKiB);
}

}  // namespace
}  // namespace kelp::mount
