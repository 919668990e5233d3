// The journal on engines that are servers of their own, which several processes write to at once:
// what a chain of increments makes of a dump is what the engine holds.

#include <gtest/gtest.h>

#include <thread>

#include "os/system_clock.h"
#include "tests/unit/filer/journal_support.h"
#include "tests/unit/kv/external_engines.h"

namespace kelp::test {
namespace {

class JournalEngines : public testing::TestWithParam<ExternalKind> {
 protected:
  void SetUp() override { clear(GetParam()); }
  std::unique_ptr<KvStore> open(const std::string& url) {
    RemoteKvOptions options = options_for(url);
    options.stamped_prefix = kJournalPrefix;
    return GetParam().open(options, clock_).value();
  }
  std::unique_ptr<KvStore> open() { return open(shared_server(GetParam()).url()); }
  std::unique_ptr<Writer> writer(std::uint64_t stream, bool on = true) {
    auto made = std::make_unique<Writer>(open(), on, true, stream);
    // Hours apart, and not in the order of the streams' names: no order comes from clocks.
    made->clock.now = made->clock.now.load() + std::chrono::hours(stream * 7 % 5);
    return made;
  }

  const SystemClock clock_;
};

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(JournalEngines);
INSTANTIATE_TEST_SUITE_P(Engines, JournalEngines, testing::ValuesIn(external_kinds()),
                         [](const auto& kind) { return kind.param.name; });

/// Writes for a while, several commits at once.
void work(KvStore& store, std::uint64_t seed, int count) {
  RandomBatches batches(seed);
  std::deque<std::future<Result<void>>> under_way;
  for (int i = 0; i < count; ++i) {
    auto outcome = std::make_shared<std::promise<Result<void>>>();
    under_way.push_back(outcome->get_future());
    store.commit(batches.next(store), [outcome](Result<void> done) { outcome->set_value(done); });
    if (under_way.size() < 8) continue;
    const auto done = under_way.front().get();
    EXPECT_TRUE(done || done.error().code() == Errc::kPrecondition) << done.error().message();
    under_way.pop_front();
  }
  for (auto& outcome : under_way) static_cast<void>(outcome.get());
}

TEST_P(JournalEngines, WhatSeveralProcessesDidAtOnceComesBackInItsOrder) {
  std::vector<std::unique_ptr<Writer>> writers;
  for (const std::uint64_t stream : {3, 1, 2}) writers.push_back(writer(stream));
  const auto reader = open();
  for (std::uint64_t round = 1; round <= 4; ++round) {
    std::deque<std::string> chain = {full_dump(*reader)};
    std::atomic<int> running = 3;
    std::vector<std::thread> threads;
    for (std::uint64_t i = 0; i < 3; ++i) {
      threads.emplace_back([&, i] {
        work(*writers[i]->store, 10 * round + i, 150);
        --running;
      });
    }
    while (running > 0) {
      const auto next = increment(*reader, chain.back());
      ASSERT_TRUE(next) << next.error().message();
      chain.push_back(*next);
    }
    for (std::thread& thread : threads) thread.join();
    chain.push_back(increment(*reader, chain.back()).value());
    ASSERT_EQ(rows_at(chain, std::nullopt), rows_of(*reader)) << "round " << round;
  }
}

// What was put under a numbered key is found again under the same one, also after a lost answer.
TEST_P(JournalEngines, ARecordIsAsItsCommitWasWhenAnswersAreLost) {
  EngineServer& server = shared_server(GetParam());
  CuttingProxy proxy(server.endpoint());
  const Writer lossy(open(server.url_at(proxy.port())), true, true, 5);
  const auto other = writer(6);
  const auto reader = open();
  const std::string full = full_dump(*reader);
  std::thread beside([&] { work(*other->store, 77, 60); });
  RandomBatches batches(78);
  for (int i = 0; i < 40; ++i) {
    if (i % 5 == 0) proxy.swallow_an_answer();
    KvBatch batch = batches.next(*reader);
    batch.writes.push_back(KvWrite::append("e-log", std::to_string(i)));
    batch.writes.push_back(KvWrite::append("e-log", "and more"));
    const auto done = commit_to(*lossy.store, std::move(batch));
    EXPECT_TRUE(done || done.error().code() == Errc::kPrecondition) << done.error().message();
  }
  beside.join();
  EXPECT_GT(proxy.swallowed(), 0);
  const std::string made = increment(*reader, full).value();
  EXPECT_EQ(rows_at({full, made}, std::nullopt), rows_of(*reader));
}

TEST_P(JournalEngines, SwitchingOnAndOffUnderLoadLosesNoRecord) {
  const auto steady = writer(1, false);
  const auto reader = open();
  for (std::uint64_t round = 2; round < 7; ++round) {
    std::thread load([&] { work(*steady->store, round, 100); });
    const auto on = writer(round);
    const std::string full = full_dump(*reader);
    work(*on->store, 100 + round, 30);
    load.join();
    const std::string made = increment(*reader, full).value();
    ASSERT_EQ(rows_at({full, made}, std::nullopt), rows_of(*reader)) << "round " << round;
    const auto off = writer(10 * round, false);
    EXPECT_FALSE(increment(*reader, made));
    work(*on->store, 200 + round, 5);
  }
}

// Stamps tell the order of commits that touch one row, whoever made them.
TEST_P(JournalEngines, LaterChangesOfARowHaveLaterStamps) {
  const auto first = writer(9);
  const auto second = writer(1);
  const std::string full = full_dump(*first->store);
  for (int i = 0; i < 30; ++i) {
    Writer& next = i % 3 == 0 ? *first : *second;
    KvBatch batch;
    batch.writes.push_back(KvWrite::put("oa", std::to_string(i)));
    ASSERT_TRUE(commit_to(*next.store, std::move(batch)));
  }
  IncrementReader made =
      IncrementReader::open(reader_of(increment(*first->store, full).value())).value();
  for (int i = 0; i < 30; ++i) {
    const auto change = made.next().value();
    ASSERT_TRUE(change);
    EXPECT_EQ(change->writes[0].value, std::to_string(i));
  }
  EXPECT_FALSE(made.next().value());
}

}  // namespace
}  // namespace kelp::test
