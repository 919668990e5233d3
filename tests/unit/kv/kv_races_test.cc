// The contract of kv_store.h when many threads write at once, run against every engine.
#include <algorithm>
#include <atomic>
#include <functional>
#include <span>
#include <thread>

#include "tests/unit/kv/kv_contract.h"

namespace kelp::test {
namespace {

class KvRaces : public KvContract {};

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(KvRaces);
INSTANTIATE_TEST_SUITE_P(Engines, KvRaces, testing::ValuesIn(engine_kinds()),
                         [](const auto& kind) { return kind.param.name; });

/// Runs `work` on `count` threads, each with its number from 0, and waits for all.
void in_threads(int count, const std::function<void(int)>& work) {
  std::vector<std::thread> threads;
  for (int t = 0; t < count; ++t) threads.emplace_back(work, t);
  for (std::thread& thread : threads) thread.join();
}

TEST_P(KvRaces, NoSumOfManyThreadsPassesItsLimit) {
  constexpr std::int64_t kLimit = 50;
  std::atomic<int> wins = 0;
  in_threads(4, [&](int) {
    for (int i = 0; i < 25; ++i) {
      const auto added =
          commit_now(store(), {.conditions = {KvCondition::at_most("n", kLimit - 1)},
                               .writes = {KvWrite::add("n", 1), KvWrite::put("last", "x")}});
      if (added) ++wins;
    }
  });
  EXPECT_EQ(counter("n"), kLimit);
  EXPECT_EQ(wins, kLimit);
}

TEST_P(KvRaces, OneOfManyCreatorsWins) {
  for (int round = 0; round < 20; ++round) {
    const std::string key = fmt::format("key{}", round);
    std::atomic<int> winners = 0;
    std::string winner;
    in_threads(16, [&](int t) {
      const std::string value = fmt::format("{}", t);
      const auto result =
          commit_now(store(), {.conditions = {KvCondition::absent(key)},
                               .writes = {KvWrite::put(key, value), KvWrite::add("wins", 1)}});
      if (result) {
        winner = value;
        ++winners;
      } else {
        EXPECT_EQ(result.error().code(), Errc::kPrecondition);
      }
    });
    EXPECT_EQ(winners, 1);
    EXPECT_EQ(value_of(store(), key), winner);
  }
  EXPECT_EQ(counter("wins"), 20);
}

TEST_P(KvRaces, NoIncrementByCompareAndSwapIsLost) {
  put("n", "0");
  in_threads(16, [&](int) {
    for (int done = 0; done < 25;) {
      const std::string now = value_of(store(), "n");
      const auto result =
          commit_now(store(), {.conditions = {KvCondition::equals("n", now)},
                               .writes = {KvWrite::put("n", std::to_string(std::stoi(now) + 1))}});
      if (result) ++done;
    }
  });
  EXPECT_EQ(value_of(store(), "n"), "400");
}

TEST_P(KvRaces, AddsOfManyThreadsCommute) {
  in_threads(16, [&](int t) {
    for (int i = 0; i < 50; ++i) {
      EXPECT_EQ(commit({}, {KvWrite::add("sum", t), KvWrite::add("Bulk", 1),
                            KvWrite::put(fmt::format("row{}/{}", t, i), "x")}),
                std::nullopt);
    }
  });
  EXPECT_EQ(counter("sum"), 50 * 120);
  EXPECT_EQ(counter("Bulk"), 800);
  EXPECT_EQ(keys({"row", "rox"}, 10'000).size(), 800U);
}

// Some of the batches need what others change, so that an engine may put them off.
TEST_P(KvRaces, WhoeverSeesANumberedRowSeesAllBeforeIt) {
  constexpr int kWriters = 8;
  std::atomic<int> writing = kWriters;
  std::vector<std::string> seen;
  in_threads(kWriters + 1, [&](int t) {
    if (t < kWriters) {
      for (int i = 0; i < 40; ++i) {
        const std::string shared = fmt::format("row{}", i % 4);
        const std::string now = value_of(store(), shared);
        std::vector<KvCondition> conditions;
        if (i % 2 == 0) {
          conditions.push_back(now == "(none)" ? KvCondition::absent(shared)
                                               : KvCondition::equals(shared, now));
        }
        (void)commit(std::move(conditions), {KvWrite::put(shared, fmt::format("{}/{}", t, i)),
                                             KvWrite::append("log/", "x")});
      }
      --writing;
      return;
    }
    for (bool more = true; more;) {
      more = writing > 0;
      const std::vector<std::string> found = keys({"log/", "log0"}, 10'000);
      ASSERT_GE(found.size(), seen.size());
      ASSERT_TRUE(std::ranges::equal(seen, std::span(found).first(seen.size())))
          << "a row came before one that was seen";
      seen = found;
    }
  });
  EXPECT_GE(seen.size(), 8U * 20);
}

// The pattern that needs conditions on ranges: the row stands for the range, or the range is empty.
TEST_P(KvRaces, ABucketIsNeverRemovedWhileAnObjectArrives) {
  for (int round = 0; round < 20; ++round) {
    const std::string bucket = fmt::format("bucket{}", round);
    put(bucket, "here");
    in_threads(9, [&](int t) {
      if (t == 8) {
        (void)commit({KvCondition::empty_range(bucket + "/", bucket + "0")},
                     {KvWrite::remove(bucket)});
      } else {
        (void)commit({KvCondition::present(bucket)},
                     {KvWrite::put(fmt::format("{}/{}", bucket, t), "object")});
      }
    });
    const bool removed = value_of(store(), bucket) == "(none)";
    EXPECT_EQ(removed, keys({bucket + "/", bucket + "0"}).empty());
  }
}

}  // namespace
}  // namespace kelp::test
