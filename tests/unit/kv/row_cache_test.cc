#include "kv/row_cache.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "tests/unit/kv/embedded_engines.h"
#include "tests/unit/kv/kv_support.h"

namespace kelp::test {
namespace {

constexpr std::size_t kBytes = 1 << 20;

/// A read of the engine that answered `value`.
void read(RowCache& cache, const std::string& key, const std::string& value) {
  cache.insert(cache.find(key).ticket, key, value);
}

void read_twice(RowCache& cache, const std::string& key, const std::string& value) {
  read(cache, key, value);
  read(cache, key, value);
}

std::string found(RowCache& cache, const std::string& key) {
  return cache.find(key).value.value_or("(none)");
}

TEST(RowCache, KeepsWhatIsReadASecondTime) {
  RowCache cache(kBytes);
  read(cache, "a", "1");
  EXPECT_EQ(found(cache, "a"), "(none)");
  read(cache, "a", "1");
  EXPECT_EQ(found(cache, "a"), "1");
  EXPECT_EQ(found(cache, "b"), "(none)");
}

TEST(RowCache, AWriteTakesItsRowsOutBeforeItIsQueued) {
  for (const KvWrite& write : {KvWrite::put("a", "2"), KvWrite::remove("a"), KvWrite::add("a", 1),
                               KvWrite::remove_range("A", "b")}) {
    RowCache cache(kBytes);
    read_twice(cache, "a", "1");
    const auto under_way = cache.begin_write({.conditions = {}, .writes = {write}});
    EXPECT_EQ(found(cache, "a"), "(none)");
    cache.end_write(under_way);
    EXPECT_EQ(found(cache, "a"), "(none)");
    read(cache, "a", "2");
    EXPECT_EQ(found(cache, "a"), "2");
  }
}

TEST(RowCache, RefusesWhatWasReadBeforeAWriteBegan) {
  for (const KvWrite& write : {KvWrite::put("a", "2"), KvWrite::remove_range("A", "b")}) {
    RowCache cache(kBytes);
    read(cache, "a", "1");
    const RowCache::Ticket before = cache.find("a").ticket;
    const auto under_way = cache.begin_write({.conditions = {}, .writes = {write}});
    cache.insert(before, "a", "1");
    EXPECT_EQ(found(cache, "a"), "(none)");
    cache.end_write(under_way);
    cache.insert(before, "a", "1");
    EXPECT_EQ(found(cache, "a"), "(none)");
  }
}

TEST(RowCache, RefusesWhatWasReadDuringAWrite) {
  for (const KvWrite& write : {KvWrite::put("a", "2"), KvWrite::remove_range("A", "b")}) {
    RowCache cache(kBytes);
    read(cache, "a", "1");
    const auto first = cache.begin_write({.conditions = {}, .writes = {write}});
    const auto second = cache.begin_write({.conditions = {}, .writes = {write}});
    cache.end_write(first);
    const RowCache::Ticket during = cache.find("a").ticket;
    cache.end_write(second);
    cache.insert(during, "a", "1");
    EXPECT_EQ(found(cache, "a"), "(none)");
  }
}

TEST(RowCache, KeepsToItsBytesAndToWhatWasUsedLast) {
  RowCache cache(kBytes);
  const std::string value(1000, 'v');
  std::size_t kept = 0;
  for (int i = 0; i < 4000; ++i) {
    read_twice(cache, fmt::format("row{:06}", i), value);
    read_twice(cache, "hot", "1");
  }
  EXPECT_EQ(found(cache, "hot"), "1");
  for (int i = 0; i < 4000; ++i) {
    if (cache.find(fmt::format("row{:06}", i)).value) ++kept;
  }
  EXPECT_LE(kept * value.size(), kBytes);
  EXPECT_GE(kept * value.size(), kBytes / 2);
  read_twice(cache, "large", std::string(kBytes / 2, 'l'));
  EXPECT_EQ(found(cache, "large"), "(none)");
}

TEST(RowCache, RowsThatAreReadInTurnAllGetIn) {
  RowCache cache(16 * kBytes);
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 3000; ++i) read(cache, fmt::format("row{:06}", i), "v");
  }
  int kept = 0;
  for (int i = 0; i < 3000; ++i) kept += cache.find(fmt::format("row{:06}", i)).value ? 1 : 0;
  EXPECT_GE(kept, 2970) << "at most one in a hundred is forgotten between its reads";
}

/// Counts a row up; `acknowledged` is what its readers may not fall behind.
void count_up(KvStore& store, const std::string& key, std::atomic<int>& acknowledged) {
  for (int i = 1; i <= 400; ++i) {
    if (i % 50 == 0) {
      ASSERT_TRUE(commit_now(store, {.conditions = {},
                                     .writes = {KvWrite::remove_range("B-", "B."),
                                                KvWrite::put(key, std::to_string(i))}}));
    } else {
      ASSERT_TRUE(put_now(store, key, std::to_string(i)));
    }
    acknowledged.store(i);
  }
}

// What is seen by any way of reading is never unseen by another one, acknowledged or not.
TEST(RowCache, NoReaderFallsBehindAWriterOrItself) {
  RocksEngine engine;
  KvStore& store = engine.store();
  std::atomic<int> acknowledged = 0;
  std::atomic<bool> over = false;
  std::atomic<int> behind = 0;
  std::vector<std::thread> readers;
  for (int t = 0; t < 3; ++t) {
    readers.emplace_back([&] {
      for (int least = 0; !over.load();) {
        least = std::max(least, acknowledged.load());
        const int seen = std::atoi(value_of(store, "row").c_str());
        if (seen < least) ++behind;
        const auto rows = store.scan({.begin = "row", .end = "rox"}, 1).value();
        least = rows.empty() ? seen : std::atoi(rows.front().second.c_str());
        if (least < seen) ++behind;
      }
    });
  }
  count_up(store, "row", acknowledged);
  over = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(behind.load(), 0);
  EXPECT_EQ(value_of(store, "row"), "400");
}

}  // namespace
}  // namespace kelp::test
