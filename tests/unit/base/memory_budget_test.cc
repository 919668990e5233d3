#include "base/memory_budget.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace kelp {
namespace {

TEST(MemoryBudget, GivesNoMoreThanItsLimit) {
  MemoryBudget budget(100);
  {
    auto first = budget.take(60);
    ASSERT_TRUE(first);
    EXPECT_FALSE(budget.take(41));
    EXPECT_TRUE(first->grow(40));
    EXPECT_FALSE(first->grow(1));
    EXPECT_FALSE(budget.take(std::size_t{0} - 1));
    MemoryBudget::Share moved = *std::move(first);
    EXPECT_EQ(moved.bytes(), 100U);
    EXPECT_EQ(budget.out_bytes(), 100U);
    moved = MemoryBudget::Share();
  }
  EXPECT_EQ(budget.out_bytes(), 0U);
  EXPECT_TRUE(MemoryBudget::take_of(nullptr, 1 << 30)->grow(1)) << "no budget, no limit";
}

TEST(MemoryBudget, HoldsBetweenThreads) {
  constexpr std::size_t kLimit = 3;
  MemoryBudget budget(kLimit);
  std::atomic<std::size_t> held = 0;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 10'000; ++round) {
        const auto share = budget.take(1);
        if (!share) continue;
        EXPECT_LE(held.fetch_add(1) + 1, kLimit);
        held.fetch_sub(1);
      }
    });
  }
  threads.clear();
  EXPECT_EQ(budget.out_bytes(), 0U);
}

}  // namespace
}  // namespace kelp
