// What RocksDB's engine promises beyond the contract.
#include "kv/rocks_kv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "tests/unit/kv/kv_support.h"

namespace kelp::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

RocksKvOptions options_at(const std::string& path) {
  return {.path = path, .write_buffer_bytes = 1 << 20, .bulk_prefix = 'B'};
}

TEST(RocksKv, ACopyTakenWhileOpenHoldsEveryAcknowledgedCommit) {
  const TempDir dir;
  const auto store = open_rocks_kv(options_at(dir.path() + "/kv")).value();
  // Enough for flushes and several logs.
  for (int i = 0; i < 3000; ++i) {
    KvBatch batch;
    batch.conditions.push_back(KvCondition::absent(fmt::format("row{}", i)));
    batch.writes.push_back(KvWrite::put(fmt::format("row{}", i), std::string(300, 'r')));
    batch.writes.push_back(KvWrite::put(fmt::format("B{:08}", i), std::string(1000, 'b')));
    batch.writes.push_back(KvWrite::add("count", 1));
    if (i % 100 == 99) {
      ASSERT_TRUE(commit_now(*store, std::move(batch)).has_value());
    } else {
      store->commit(std::move(batch),
                    [](const Result<void>& result) { EXPECT_TRUE(result.has_value()); });
    }
  }
  std::filesystem::copy(dir.path() + "/kv", dir.path() + "/copy");
  const auto copy = open_rocks_kv(options_at(dir.path() + "/copy")).value();
  for (int i = 0; i < 3000; ++i) {
    EXPECT_EQ(value_of(*copy, fmt::format("row{}", i)), std::string(300, 'r'));
    EXPECT_EQ(value_of(*copy, fmt::format("B{:08}", i)), std::string(1000, 'b'));
  }
  EXPECT_EQ(decode_counter(copy->get("count").value()).value(), 3000);
}

TEST(RocksKv, RefusesASecondOpenWithAClearMessage) {
  const TempDir dir;
  const auto store = open_rocks_kv(options_at(dir.path() + "/kv")).value();
  const auto second = open_rocks_kv(options_at(dir.path() + "/kv"));
  ASSERT_EQ(code_of(second), Errc::kUnavailable);
  EXPECT_THAT(second.error().detail(), HasSubstr("is open in another process"));
  ASSERT_EQ(code_of(put_now(*store, "a", "1")), std::nullopt);
}

TEST(RocksKv, RefusesADirectoryThatItCannotMake) {
  const TempDir dir;
  std::ofstream(dir.path() + "/file") << "x";
  EXPECT_EQ(code_of(open_rocks_kv(options_at(dir.path() + "/file/kv"))), Errc::kIo);
}

TEST(RocksKv, RefusesDamagedTables) {
  const TempDir dir;
  {
    const auto store = open_rocks_kv(options_at(dir.path() + "/kv")).value();
    ASSERT_EQ(code_of(put_now(*store, "a", "1")), std::nullopt);
  }
  for (const auto& file : std::filesystem::directory_iterator(dir.path() + "/kv")) {
    if (file.path().filename().string().starts_with("MANIFEST")) {
      std::filesystem::resize_file(file.path(), file.file_size() / 2);
    }
  }
  EXPECT_EQ(code_of(open_rocks_kv(options_at(dir.path() + "/kv"))), Errc::kCorruption);
}

TEST(RocksKv, ManyWritersShareTheSyncs) {
  const TempDir dir;
  const auto store = open_rocks_kv(options_at(dir.path() + "/kv")).value();
  std::vector<std::thread> threads;
  for (int t = 0; t < 16; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 100; ++i) {
        EXPECT_TRUE(put_now(*store, fmt::format("{}/{}", t, i), "x").has_value());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const KvStore::Stats stats = store->stats();
  EXPECT_EQ(stats.commits, 1600U);
  EXPECT_LT(stats.syncs, 800U);
  RecordProperty("syncs", static_cast<int>(stats.syncs));
}

TEST(RocksKv, WithoutSyncNothingIsSynced) {
  const TempDir dir;
  RocksKvOptions options = options_at(dir.path() + "/kv");
  options.sync = false;
  const auto store = open_rocks_kv(options).value();
  ASSERT_TRUE(put_now(*store, "a", "1").has_value());
  EXPECT_EQ(store->stats().syncs, 0U);
  EXPECT_EQ(store->stats().commits, 1U);
}

TEST(RocksKv, BulkRowsAreNotSeenAmongTheOthers) {
  const TempDir dir;
  const auto store = open_rocks_kv(options_at(dir.path() + "/kv")).value();
  for (const char* key : {"A", "B1", "B2", "C"}) ASSERT_TRUE(put_now(*store, key, "1").has_value());
  EXPECT_THAT(keys_of(store->scan({}, 10).value()), ElementsAre("A", "C"));
  EXPECT_THAT(keys_of(store->scan({"A", "Z"}, 10, KvDirection::kBackward).value()),
              ElementsAre("C", "A"));
  EXPECT_THAT(keys_of(store->scan({"B", ""}, 10).value()), ElementsAre("B1", "B2"));
  ASSERT_TRUE(commit_now(*store, {.conditions = {}, .writes = {KvWrite::remove_range("A", "Z")}})
                  .has_value());
  EXPECT_THAT(keys_of(store->scan({}, 10).value()), IsEmpty());
  EXPECT_EQ(value_of(*store, "B1"), "1");
}

TEST(RocksKv, ARowThatWasReadIsReadAgainWithoutWaiting) {
  const TempDir dir;
  const std::string path = dir.path() + "/kv";
  const auto fill = [&] {
    const auto store = open_rocks_kv(options_at(path)).value();
    for (const char* key : {"a", "B1"}) {
      ASSERT_TRUE(put_now(*store, key, std::string(3000, 'x')).has_value());
    }
  };
  fill();
  // Opening replays the log into tables.
  const auto store = open_rocks_kv(options_at(path)).value();
  for (const char* key : {"a", "B1"}) {
    const auto cold = store->try_get(key);
    if (cold) EXPECT_EQ(cold->value(), std::string(3000, 'x')) << key;
    EXPECT_EQ(value_of(*store, key), std::string(3000, 'x'));
    const auto warm = store->try_get(key);
    ASSERT_TRUE(warm.has_value()) << key;
    EXPECT_EQ(warm->value(), std::string(3000, 'x'));
  }
}

TEST(RocksKv, CommitsBeyondTheQueueAreRefusedAndTheOthersHappen) {
  const TempDir dir;
  RocksKvOptions options = options_at(dir.path() + "/kv");
  options.queue_limit = 4;
  const auto store = open_rocks_kv(options).value();
  // The first commit holds the committer's thread until all are queued.
  std::promise<void> started;
  std::promise<void> go_on;
  store->commit({.conditions = {}, .writes = {KvWrite::put("first", "1")}},
                [&, go = go_on.get_future().share()](const Result<void>&) {
                  started.set_value();
                  go.wait();
                });
  started.get_future().get();
  std::atomic<int> done = 0;
  std::atomic<int> refused = 0;
  for (int i = 0; i < 10; ++i) {
    store->commit({.conditions = {}, .writes = {KvWrite::put(fmt::format("row{}", i), "1")}},
                  [&](const Result<void>& result) {
                    if (code_of(result) == Errc::kResourceExhausted) ++refused;
                    if (result.has_value()) ++done;
                  });
  }
  EXPECT_EQ(refused, 6);
  go_on.set_value();
  while (done < 4) std::this_thread::yield();
  EXPECT_TRUE(put_now(*store, "last", "1").has_value());
  EXPECT_EQ(keys_of(store->scan({"row", "rox"}, 100).value()).size(), 4U);
}

TEST(RocksKv, ClosingCarriesOutWhatIsQueued) {
  const TempDir dir;
  std::atomic<int> done = 0;
  {
    const auto store = open_rocks_kv(options_at(dir.path() + "/kv")).value();
    for (int i = 0; i < 500; ++i) {
      store->commit({.conditions = {}, .writes = {KvWrite::put(fmt::format("{}", i), "1")}},
                    [&](const Result<void>& result) { done += result.has_value() ? 1 : 0; });
    }
  }
  EXPECT_EQ(done, 500);
  const auto store = open_rocks_kv(options_at(dir.path() + "/kv")).value();
  EXPECT_EQ(store->scan({}, 1000).value().size(), 500U);
}

/// A file system of `megabytes`, gone with the object. ok() is false when we may not mount.
class SmallDisk {
 public:
  explicit SmallDisk(int megabytes) {
    const std::string size = fmt::format("size={}m", megabytes);
    ok_ = mount("tmpfs", dir_.path().c_str(), "tmpfs", 0, size.c_str()) == 0;
  }
  ~SmallDisk() {
    if (ok_) umount2(dir_.path().c_str(), MNT_DETACH);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] const std::string& path() const { return dir_.path(); }

 private:
  TempDir dir_;
  bool ok_ = false;
};

TEST(RocksKv, BelowTheReserveOnlyDeletionsPassAndNothingBreaks) {
  const SmallDisk disk(48);
  if (!disk.ok()) GTEST_SKIP() << "NOT TESTED: mounting a tmpfs needs root";
  RocksKvOptions options = options_at(disk.path() + "/kv");
  options.reserve_bytes = 24 << 20;
  const auto store = open_rocks_kv(options).value();
  int stored = 0;
  std::optional<Errc> refusal;
  for (; stored < 200 && !refusal; ++stored) {
    refusal = code_of(put_now(*store, fmt::format("B{:08}", stored), std::string(512 << 10, 'x')));
  }
  --stored;
  ASSERT_EQ(refusal, Errc::kNoSpace);
  EXPECT_GT(stored, 10);
  // A flush may have given room back meanwhile: it is taken until a small row is refused too.
  std::string small;
  refusal.reset();
  for (int i = 0; i < 48 && !refusal; ++i) {
    small = fmt::format("small{}", i);
    refusal = code_of(put_now(*store, small, "1"));
    if (refusal) break;
    std::ofstream(disk.path() + fmt::format("/filler{}", i)) << std::string(1 << 20, 'x');
  }
  EXPECT_EQ(refusal, Errc::kNoSpace);
  EXPECT_EQ(code_of(commit_now(
                *store, {.conditions = {},
                         .writes = {KvWrite::remove("B00000000"), KvWrite::put("dead", "1")}})),
            std::nullopt);
  EXPECT_EQ(value_of(*store, "dead"), "1");
  EXPECT_EQ(value_of(*store, small), "(none)");
  EXPECT_EQ(value_of(*store, "B00000001"), std::string(512 << 10, 'x'));
}

TEST(RocksKv, AWriteThatFailsStopsTheStoreAndLosesNothing) {
  const SmallDisk disk(16);
  if (!disk.ok()) GTEST_SKIP() << "NOT TESTED: mounting a tmpfs needs root";
  RocksKvOptions options = options_at(disk.path() + "/kv");
  options.reserve_bytes = 0;
  auto store = open_rocks_kv(options).value();
  int stored = 0;
  std::optional<Errc> failure;
  for (; stored < 200 && !failure; ++stored) {
    failure = code_of(put_now(*store, fmt::format("B{:08}", stored), std::string(512 << 10, 'x')));
  }
  --stored;
  EXPECT_EQ(failure, Errc::kIo);
  EXPECT_GT(stored, 2);
  EXPECT_EQ(code_of(put_now(*store, "later", "1")), Errc::kUnavailable);
  EXPECT_EQ(value_of(*store, "later"), "(none)");
  const auto check = [&](KvStore& rows) {
    for (int i = 0; i < stored; ++i) {
      EXPECT_EQ(value_of(rows, fmt::format("B{:08}", i)), std::string(512 << 10, 'x')) << i;
    }
  };
  check(*store);
  store.reset();
  // With room again everything acknowledged is there.
  ASSERT_EQ(mount("tmpfs", disk.path().c_str(), "tmpfs", MS_REMOUNT, "size=256m"), 0);
  options.reserve_bytes = 1 << 20;
  store = open_rocks_kv(options).value();
  check(*store);
  EXPECT_EQ(code_of(put_now(*store, "later", "1")), std::nullopt);
}

}  // namespace
}  // namespace kelp::test
