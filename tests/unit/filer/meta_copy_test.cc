#include "filer/meta_copy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <future>
#include <thread>

#include "filer/core/keys.h"
#include "filer/filer_dumps.h"
#include "filer/fsck.h"
#include "kv/rocks_kv.h"
#include "tests/support/forwarding_kv.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/filer/fake_volumes.h"
#include "tests/unit/filer/filer_world.h"

namespace kelp {
namespace {

using test::FilerWorld;
using test::put_of;
using testing::HasSubstr;

const std::string kBucket = "photos";

Result<void> commit(KvStore& store, KvBatch batch) {
  std::promise<Result<void>> done;
  store.commit(std::move(batch), [&done](Result<void> outcome) { done.set_value(outcome); });
  return done.get_future().get();
}
void put(KvStore& store, std::string key, std::string value) {
  KvBatch batch;
  batch.writes.push_back(KvWrite::put(std::move(key), std::move(value)));
  ASSERT_TRUE(commit(store, std::move(batch)));
}

std::string dump_of(KvStore& store) {
  MetaDump dump(store, {"cluster", "memory", {}});
  std::string bytes;
  while (!dump.ended()) {
    const auto piece = dump.next();
    EXPECT_TRUE(piece) << piece.error().message();
    if (!piece) break;
    bytes += *piece;
  }
  return bytes;
}

DumpReader reader_of(const std::string& bytes) {
  return DumpReader([&bytes, at = std::size_t{0}](MutableByteSpan out) mutable {
    const std::size_t count = std::min(out.size(), bytes.size() - at);
    std::memcpy(out.data(), bytes.data() + at, count);
    at += count;
    return Result<std::size_t>(count);
  });
}

/// A namespace with some of everything.
void fill(FilerWorld& world) {
  world.make_bucket(kBucket);
  for (int i = 0; i < 40; ++i) {
    ASSERT_TRUE(world.run(world.filer.put_object(
        put_of(kBucket, "k" + std::to_string(i), std::string(static_cast<std::size_t>(i), 'x')))));
  }
  test::upload_of(world, world.filer, kBucket, "film", 100);
  ASSERT_TRUE(world.run(world.filer.delete_object({kBucket, "k7"}, {})));
  put(*world.store, keys::cluster(), "cluster");
  put(*world.store, keys::collector(), "its turn");
}

Result<DumpTotals> load(KvStore& to, const std::string& dump) {
  DumpReader reader = reader_of(dump);
  KELP_CHECK(reader.header());
  return load_rows(to, [&reader] { return reader.next(); });
}

TEST(MetaCopy, WhatWasDumpedAndLoadedIsTheSameNamespace) {
  FilerWorld world;
  fill(world);
  FilerWorld other;
  put(*other.store, keys::cluster(), "its own");
  const auto loaded = load(*other.store, dump_of(*world.store));
  ASSERT_TRUE(loaded) << loaded.error().message();
  EXPECT_EQ(loaded.value(), sum_rows(*world.store).value());
  EXPECT_EQ(loaded.value(), sum_rows(*other.store).value());
  EXPECT_TRUE(check_loaded(*other.store));
  EXPECT_EQ(other.store->get(keys::cluster()).value(), "its own");
  EXPECT_EQ(other.store->get(keys::collector()).value(), std::nullopt);

  EXPECT_EQ(other.run(other.filer.get_object({kBucket, "k9"}, true))->inline_body,
            std::string(9, 'x'));
  EXPECT_EQ(other.run(other.filer.bucket_usage(kBucket)).value(),
            world.run(world.filer.bucket_usage(kBucket)).value());
  test::FakeVolumes volumes;
  for (std::uint64_t key = 1; key <= world.last_key; ++key) {
    volumes.add({{VolumeId(1), NeedleKey(key), Cookie(static_cast<std::uint32_t>(key))}, 100});
  }
  const auto report = other.run(fsck(*other.store, other.work, volumes));
  EXPECT_TRUE(report->clean()) << report->findings[0];
}

TEST(MetaCopy, LoadsOnlyIntoAnEmptyStore) {
  FilerWorld world;
  fill(world);
  const std::string dump = dump_of(*world.store);
  for (const std::string& key :
       {keys::bucket("b"), keys::object(BucketId(1), "k"), keys::body(1), keys::ids(),
        keys::collector(), keys::finished(1), keys::versions_of(BucketId(1))}) {
    const auto store = make_mem_kv();
    put(*store, key, "there");
    const auto loaded = load(*store, dump);
    ASSERT_FALSE(loaded) << key;
    EXPECT_EQ(loaded.error().code(), Errc::kAlreadyExists);
    EXPECT_EQ(store->scan({}, 10).value(), (std::vector<KvRow>{{key, "there"}}));
    EXPECT_TRUE(check_loaded(*store));
  }
}

TEST(MetaCopy, ALoadThatBrokeOffIsRefusedUntilItIsDoneAgain) {
  FilerWorld world;
  fill(world);
  const auto store = make_mem_kv();
  bool given = false;
  const auto broken = load_rows(*store, [&given]() -> Result<std::vector<KvRow>> {
    if (given) return Error(Errc::kIo, "the disk went away");
    given = true;
    std::vector<KvRow> rows;
    for (int i = 0; i < 2000; ++i) rows.emplace_back("v" + std::to_string(10'000 + i), "old");
    return rows;
  });
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().code(), Errc::kIo);
  EXPECT_FALSE(store->scan(keys::within("v"), 1).value().empty());
  EXPECT_EQ(check_loaded(*store).error().code(), Errc::kInvalidArgument);

  ASSERT_TRUE(load(*store, dump_of(*world.store)));
  EXPECT_TRUE(check_loaded(*store));
  EXPECT_EQ(sum_rows(*store).value(), sum_rows(*world.store).value());
}

/// Loses a row, or a byte of one.
class LossyKv final : public test::ForwardingKv {
 public:
  enum class Loss : std::uint8_t { kRow, kByte };
  explicit LossyKv(Loss loss) : ForwardingKv(make_mem_kv()), loss_(loss) {}
  void commit(KvBatch batch, CommitDone done) override {
    if (batch.writes.size() > 20 && loss_ == Loss::kRow)
      batch.writes.erase(batch.writes.begin() + 9);
    if (batch.writes.size() > 20 && loss_ == Loss::kByte) batch.writes[9].value += 'x';
    ForwardingKv::commit(std::move(batch), std::move(done));
  }

 private:
  const Loss loss_;
};

TEST(MetaCopy, FindsWhatTheStoreDidNotKeep) {
  FilerWorld world;
  fill(world);
  const std::string dump = dump_of(*world.store);
  for (const auto loss : {LossyKv::Loss::kRow, LossyKv::Loss::kByte}) {
    LossyKv store(loss);
    const auto loaded = load(store, dump);
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().code(), Errc::kCorruption);
    EXPECT_FALSE(check_loaded(store)) << "it must not be taken for whole";
  }
}

// Each commit moves one body to a new row and says so in another table.
TEST(MetaCopy, ADumpIsOfOneMomentWhileOthersWrite) {
  const test::TempDir dir;
  RocksKvOptions options;
  options.path = dir.path() + "/kv";
  options.sync = false;
  options.bulk_prefix = kBulkPrefix;
  const auto store = open_rocks_kv(options).value();
  std::atomic<bool> stop = false;
  std::atomic<std::uint64_t> moves = 0;
  std::thread writer([&] {
    for (std::uint64_t i = 1; !stop; ++i) {
      KvBatch batch;
      batch.writes.push_back(KvWrite::put(keys::object(BucketId(1), "k"), std::to_string(i)));
      batch.writes.push_back(KvWrite::put(keys::body(i), std::to_string(i)));
      batch.writes.push_back(KvWrite::remove(keys::body(i - 1)));
      ASSERT_TRUE(commit(*store, std::move(batch)));
      moves = i;
    }
  });
  while (moves == 0) std::this_thread::yield();
  for (int i = 0; i < 100 || moves < 1000; ++i) {
    const std::string dump = dump_of(*store);
    DumpReader reader = reader_of(dump);
    ASSERT_TRUE(reader.header());
    const auto rows = reader.next();
    ASSERT_TRUE(rows);
    ASSERT_EQ(rows->size(), 2U) << i;
    EXPECT_EQ((*rows)[0].second, (*rows)[1].second) << i;
  }
  stop = true;
  writer.join();
}

struct DumpsWorld : FilerWorld {
  DumpsWorld() { fill(*this); }
  std::string rest_of(DumpPiece piece) {
    std::string bytes = piece.bytes;
    while (!piece.last) {
      auto next = run(dumps.next_piece(piece.dump, ""));
      EXPECT_TRUE(next) << next.error().message();
      if (!next) break;
      piece = *std::move(next);
      bytes += piece.bytes;
    }
    return bytes;
  }
  std::unique_ptr<Timers> timers = make_asio_timers();
  FilerDumps dumps{*store, work, clock, *timers, {"cluster", "memory", {}}};
};

TEST(FilerDumps, GiveADumpPieceByPiece) {
  DumpsWorld world;
  for (int i = 0; i < 3; ++i) {
    put(*world.store, keys::object(BucketId(9), std::to_string(i)), std::string(1 << 20, 'x'));
  }
  auto first = world.run(world.dumps.next_piece(0, ""));
  ASSERT_TRUE(first);
  EXPECT_FALSE(first->last);
  put(*world.store, keys::object(BucketId(9), "later"), "not in it");
  const std::string dump = world.rest_of(*first);
  FilerWorld other;
  const auto loaded = load(*other.store, dump);
  ASSERT_TRUE(loaded) << loaded.error().message();
  EXPECT_EQ(other.store->get(keys::object(BucketId(9), "later")).value(), std::nullopt);
  EXPECT_EQ(other.store->get(keys::object(BucketId(9), "2")).value()->size(), 1U << 20);
  EXPECT_EQ(world.run(world.dumps.next_piece(first->dump, "")).error().code(), Errc::kNotFound);
  EXPECT_EQ(world.run(world.dumps.next_piece(77, "")).error().code(), Errc::kNotFound);
}

TEST(FilerDumps, AreFewAndNoneIsKeptForWhoWentAway) {
  DumpsWorld world;
  put(*world.store, keys::object(BucketId(9), "a"), std::string(2 << 20, 'x'));
  put(*world.store, keys::object(BucketId(9), "b"), std::string(2 << 20, 'x'));
  const auto first = world.run(world.dumps.next_piece(0, ""));
  ASSERT_TRUE(world.run(world.dumps.next_piece(0, "")));
  EXPECT_EQ(world.run(world.dumps.next_piece(0, "")).error().code(), Errc::kResourceExhausted);
  world.clock.advance(std::chrono::seconds(50));
  ASSERT_TRUE(world.run(world.dumps.next_piece(first->dump, "")));
  world.clock.advance(std::chrono::seconds(50));
  EXPECT_TRUE(world.run(world.dumps.next_piece(0, ""))) << "the second one is forgotten";
  world.clock.advance(std::chrono::minutes(2));
  EXPECT_TRUE(world.run(world.dumps.next_piece(0, "")));
  EXPECT_EQ(world.run(world.dumps.next_piece(first->dump, "")).error().code(), Errc::kNotFound);
}

/// One sleep, and it is cancelled.
class OneSleep final : public Timers {
 public:
  Task<Result<void>> sleep_until(MonoTime when) override {
    until = when;
    co_return Error(Errc::kCancelled, "enough");
  }
  MonoTime until;
};

TEST(FilerDumps, SleepBetweenLooksForThoseWhoWentAway) {
  FilerWorld world;
  OneSleep timers;
  FilerDumps dumps(*world.store, world.work, world.clock, timers, {"cluster", "memory", {}});
  std::vector<Task<void>> tasks;
  tasks.push_back(dumps.run());
  world.run_all(std::move(tasks));
  EXPECT_EQ(timers.until, world.clock.mono() + FilerDumps::kPatience / 4);
  EXPECT_GE(timers.until, world.clock.mono() + std::chrono::seconds(5));
}

}  // namespace
}  // namespace kelp
