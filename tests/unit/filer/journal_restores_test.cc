// Random commits of one and of several processes: every moment of a store comes back from a full
// dump and increments.

#include "filer/journal.h"

#include <gtest/gtest.h>

#include <thread>

#include "kv/rocks_kv.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/filer/journal_support.h"

namespace kelp::test {
namespace {

/// A moment of a store: what a commit made of it, and when it said that it was.
struct Moment {
  WallTime time;
  Rows rows;
};

/// Random commits; a full dump and increments at random moments; then every moment is restored.
class Restores {
 public:
  explicit Restores(std::uint64_t seed) : batches_(seed) {}

  /// A step of a process.
  void step(Writer& writer) {
    move_clock(writer);
    const bool done = commit_to(*writer.store, batches_.next(*writer.store)).has_value();
    if (done) moments_.push_back({writer.clock.now, rows_of(*writer.store)});
    ++(done ? commits_ : refusals_);
    if (chain_.empty() && rng().below(60) == 0) {
      chain_.push_back(full_dump(*writer.store));
      first_ = moments_.size();
    } else if (!chain_.empty() && rng().below(40) == 0) {
      add_increment(*writer.store);
    }
  }

  /// Compares the restored rows of many moments with what was there.
  void check(KvStore& store) {
    ASSERT_FALSE(chain_.empty());
    add_increment(store);
    EXPECT_GT(commits_, 5 * refusals_ / 2);
    EXPECT_GT(refusals_, 10);
    EXPECT_EQ(rows_at(chain_, std::nullopt), rows_of(store));
    for (int i = 0; i < 40; ++i) {
      const WallTime until =
          moments_[rng().below(moments_.size())].time - std::chrono::nanoseconds(rng().below(2));
      ASSERT_EQ(rows_at(chain_, until), rows_before(until)) << "as of " << i;
    }
  }
  Rng& rng() { return batches_.rng(); }

 private:
  /// What was there before the first commit later than `until`, of those behind the full dump.
  Rows rows_before(WallTime until) {
    std::size_t at = first_;
    while (at < moments_.size() && moments_[at].time <= until) ++at;
    return at == 0 ? Rows() : moments_[at - 1].rows;
  }
  void add_increment(KvStore& store) {
    auto next = increment(store, chain_.back());
    ASSERT_TRUE(next) << next.error().message();
    chain_.push_back(*std::move(next));
  }
  /// Mostly on, sometimes back, by seconds: clocks are not what tells the order.
  void move_clock(Writer& writer) {
    const auto by = static_cast<std::int64_t>(rng().below(1'000'000));
    const bool back = rng().below(10) == 0;
    const std::chrono::nanoseconds jump(back ? -5 * by : by);
    writer.clock.now = writer.clock.now.load() + 1000 * jump;
  }

  RandomBatches batches_;
  std::vector<Moment> moments_;
  std::deque<std::string> chain_;
  std::size_t first_ = 0;  ///< Moments that the full dump holds.
  int commits_ = 0;
  int refusals_ = 0;
};

TEST(Journal, EveryMomentOfSeveralProcessesComesBack) {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE(seed);
    const auto store = make_mem_kv(kJournalPrefix);
    std::vector<std::unique_ptr<Writer>> writers;
    for (std::uint64_t stream : {77, 5, 900}) {
      writers.push_back(
          std::make_unique<Writer>(std::make_unique<ForwardingKv>(*store), true, true, stream));
    }
    Restores run(seed);
    for (int i = 0; i < 500; ++i) run.step(*writers[run.rng().below(3)]);
    run.check(*store);
  }
}

TEST(Journal, EveryMomentOfAnEmbeddedStoreComesBackThroughRestarts) {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE(seed);
    const auto store = make_mem_kv();
    auto writer =
        std::make_unique<Writer>(std::make_unique<ForwardingKv>(*store), true, false, 1000);
    Restores run(seed);
    for (int i = 0; i < 500; ++i) {
      run.step(*writer);
      if (run.rng().below(100) != 0) continue;
      // The next process has a lower name, and a clock that is minutes behind.
      const WallTime now = writer->clock.now.load() - std::chrono::minutes(run.rng().below(5));
      writer.reset();
      writer = std::make_unique<Writer>(std::make_unique<ForwardingKv>(*store), true, false,
                                        static_cast<std::uint64_t>(999 - i));
      writer->clock.now = now;
    }
    run.check(*store);
  }
}

RocksKvOptions unsynced(const TempDir& dir) {
  RocksKvOptions options;
  options.path = dir.path() + "/kv";
  options.sync = false;
  options.bulk_prefix = kBulkPrefix;
  options.bulk_prefixes = kBulkPrefixes;
  return options;
}

TEST(Journal, EveryMomentOfRocksDbComesBack) {
  const TempDir dir;
  const RocksKvOptions options = unsynced(dir);
  Restores run(5);
  std::unique_ptr<Writer> writer;
  for (int i = 0; i < 400; ++i) {
    if (i % 150 == 0) {
      writer.reset();
      writer = std::make_unique<Writer>(open_rocks_kv(options).value(), true, false,
                                        static_cast<std::uint64_t>(400 - i));
    }
    run.step(*writer);
  }
  run.check(*writer->store);
}

// Commits of many threads share groups, numbers and stamps.
TEST(Journal, WhatManyThreadsDidComesBack) {
  const TempDir dir;
  const RocksKvOptions options = unsynced(dir);
  Writer writer(open_rocks_kv(options).value(), true, false, 3);
  std::deque<std::string> chain = {full_dump(*writer.store)};
  std::vector<std::thread> threads;
  std::atomic<int> running = 4;
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    threads.emplace_back([&, seed] {
      RandomBatches batches(seed);
      for (int i = 0; i < 500; ++i) {
        static_cast<void>(commit_to(*writer.store, batches.next(*writer.store)));
      }
      --running;
    });
  }
  while (running > 0 || chain.size() < 5) {
    chain.push_back(increment(*writer.store, chain.back()).value());
  }
  for (std::thread& thread : threads) thread.join();
  chain.push_back(increment(*writer.store, chain.back()).value());
  EXPECT_EQ(rows_at(chain, std::nullopt), rows_of(*writer.store));
}

}  // namespace
}  // namespace kelp::test
