// The journal as it is switched on and off, cut and dumped: what it cannot restore is refused.

#include "filer/journal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "filer/collector.h"
#include "tests/unit/filer/fake_volumes.h"
#include "tests/unit/filer/filer_world.h"
#include "tests/unit/filer/journal_support.h"

namespace kelp::test {
namespace {

using testing::HasSubstr;

/// A store with one process that writes to it.
class JournalTest : public testing::Test {
 protected:
  void put(std::string key, std::string value) {
    KvBatch batch;
    batch.writes.push_back(KvWrite::put(std::move(key), std::move(value)));
    ASSERT_TRUE(commit_to(*writer->store, std::move(batch)));
  }
  void reopen(bool on) {
    writer.reset();
    writer = std::make_unique<Writer>(std::make_unique<ForwardingKv>(*store), on, false, ++streams);
  }
  /// Whether anything of a journal is in the store.
  bool has_journal() {
    return store->get(keys::journal()).value().has_value() || journal_rows() > 0;
  }
  std::size_t journal_rows() {
    return store->scan(keys::within(std::string(1, kJournalPrefix)), 100'000).value().size();
  }
  Error no_increment(const std::string& since) {
    const auto made = increment(*store, since);
    EXPECT_FALSE(made);
    return made ? Error(Errc::kInternal, "") : made.error();
  }
  /// Cuts what is older than `age`; in how many commits.
  std::uint64_t cut(std::chrono::seconds age, std::size_t most = 5000) {
    std::uint64_t cuts = 0;
    while (true) {
      auto batch = cut_journal(*store, writer->clock.now.load() - age, most).value();
      if (!batch) return cuts;
      EXPECT_TRUE(commit_to(*writer->store, *std::move(batch)));
      ++cuts;
    }
  }

  std::unique_ptr<KvStore> store = make_mem_kv();
  std::uint64_t streams = 10;
  std::unique_ptr<Writer> writer =
      std::make_unique<Writer>(std::make_unique<ForwardingKv>(*store), true, false, 10);
};

TEST_F(JournalTest, OffItLeavesNothingInTheStore) {
  reopen(false);
  put("oa", "1");
  put("ob", "2");
  EXPECT_FALSE(store->get(keys::journal()).value().has_value());
  EXPECT_EQ(journal_rows(), 0U);
  const std::string dump = full_dump(*store);
  EXPECT_EQ(dump[8], 1) << "the format that older releases read";
  const Error refused = no_increment(dump);
  EXPECT_EQ(refused.code(), Errc::kInvalidArgument);
  EXPECT_THAT(refused.detail(), HasSubstr("no journal"));
}

TEST_F(JournalTest, WhoUsesTheStoreIsNotInIt) {
  put("oa", "1");
  const std::size_t before = journal_rows();
  put(keys::collector(), "mine");
  put(keys::cluster(), "cluster");
  EXPECT_EQ(journal_rows(), before);
  KvBatch none;
  none.conditions.push_back(KvCondition::present("oa"));
  ASSERT_TRUE(commit_to(*writer->store, std::move(none)));
  EXPECT_EQ(journal_rows(), before);
}

TEST_F(JournalTest, OffAndOnAgainIsAnotherJournal) {
  put("oa", "1");
  const std::string dump = full_dump(*store);
  reopen(false);
  put("ob", "unseen");
  reopen(true);
  put("oc", "3");
  const Error refused = no_increment(dump);
  EXPECT_EQ(refused.code(), Errc::kNotFound);
  EXPECT_THAT(refused.detail(), HasSubstr("switched off"));
  // What is left of the first one goes.
  EXPECT_EQ(journal_rows(), 2U);
  EXPECT_EQ(cut(std::chrono::hours(1)), 1U);
  EXPECT_EQ(journal_rows(), 1U);
  EXPECT_TRUE(increment(*store, full_dump(*store)));
}

TEST_F(JournalTest, OffWhatIsLeftOfItGoes) {
  for (int i = 0; i < 10; ++i) put("oa", std::to_string(i));
  reopen(false);
  EXPECT_EQ(cut(std::chrono::hours(1), 4), 3U) << "a few rows a commit";
  EXPECT_FALSE(has_journal());
}

TEST_F(JournalTest, AnIncrementBehindACutIsRefusedAndNoneElse) {
  const std::string before = full_dump(*store);
  for (int i = 0; i < 10; ++i) {
    put("oa", std::to_string(i));
    writer->clock.now = writer->clock.now.load() + std::chrono::seconds(1);
  }
  const std::string between = full_dump(*store);
  const std::size_t rows = journal_rows();
  reopen(true);
  writer->clock.now =
      header_of(between).taken + std::chrono::hours(400'000) + std::chrono::seconds(10);
  EXPECT_EQ(cut(std::chrono::seconds(20)), 0U);
  EXPECT_TRUE(increment(*store, before));
  EXPECT_EQ(cut(std::chrono::seconds(5), 3), 2U);
  EXPECT_EQ(journal_rows(), rows - 5);
  const Error refused = no_increment(before);
  EXPECT_EQ(refused.code(), Errc::kNotFound);
  EXPECT_THAT(refused.detail(), HasSubstr("not kept"));
  EXPECT_EQ(cut(std::chrono::seconds(0)), 1U);
  EXPECT_EQ(journal_rows(), 0U);
  put("ob", "new");
  const auto made = increment(*store, between);
  ASSERT_TRUE(made) << made.error().message();
  EXPECT_EQ(rows_at({between, *made}, std::nullopt), rows_of(*store));
  // A dump that was taken after the cut knows where it stands.
  EXPECT_TRUE(increment(*store, full_dump(*store)));
}

TEST_F(JournalTest, AStoreThatIsOlderThanTheDumpIsRefused) {
  put("oa", "1");
  const std::string early = full_dump(*store);
  put("oa", "2");
  const std::string late = full_dump(*store);
  // As after a restore of the engine's own files.
  ASSERT_TRUE(store->scan(keys::within(std::string(1, kJournalPrefix)), 10));
  KvBatch back;
  const auto rows = store->scan(keys::within(std::string(1, kJournalPrefix)), 10).value();
  back.writes.push_back(KvWrite::remove(rows.back().first));
  ASSERT_TRUE(commit_to(*store, std::move(back)));
  EXPECT_TRUE(increment(*store, early));
  const Error refused = no_increment(late);
  EXPECT_EQ(refused.code(), Errc::kInvalidArgument);
  EXPECT_THAT(refused.detail(), HasSubstr("older"));
}

TEST_F(JournalTest, ALargeCommitIsSeveralRowsAndOneChange) {
  const std::string full = full_dump(*store);
  KvBatch batch;
  batch.writes.push_back(KvWrite::append("e-log", "first"));
  for (int i = 0; i < 3; ++i) {
    batch.writes.push_back(
        KvWrite::put(fmt::format("o{}", i), std::string(900'000, char('a' + i))));
  }
  batch.writes.push_back(KvWrite::append("e-log", "second"));
  batch.writes.push_back(KvWrite::add("c-sum", 4));
  ASSERT_TRUE(commit_to(*writer->store, std::move(batch)));
  EXPECT_EQ(journal_rows(), 3U);
  const std::string made = increment(*store, full).value();
  EXPECT_EQ(rows_at({full, made}, std::nullopt), rows_of(*store));
  IncrementReader reader = IncrementReader::open(reader_of(made)).value();
  EXPECT_TRUE(reader.next().value().has_value());
  EXPECT_FALSE(reader.next().value().has_value());
}

TEST_F(JournalTest, AChainWithAHoleIsRefused) {
  put("oa", "1");
  const std::string full = full_dump(*store);
  put("oa", "2");
  const std::string first = increment(*store, full).value();
  put("oa", "3");
  const std::string second = increment(*store, first).value();
  const auto loads = [](const std::deque<std::string>& chain) {
    const auto to = make_mem_kv();
    return load_chain(*to, chain, std::nullopt).has_value();
  };
  EXPECT_TRUE(loads({full, first, second}));
  EXPECT_FALSE(loads({full, second}));
  EXPECT_FALSE(loads({full, second, first}));
  EXPECT_FALSE(loads({full, first, first}));
  EXPECT_FALSE(loads({full, first, full}));
  EXPECT_TRUE(loads({full, increment(*store, full).value()}));
  EXPECT_THAT(check_link(header_of(full), header_of(second)).error().detail(),
              HasSubstr("is missing"));
  DumpHeader strange = header_of(first);
  strange.cluster_id = "another";
  EXPECT_THAT(check_link(header_of(full), strange).error().detail(), HasSubstr("another cluster"));
}

TEST_F(JournalTest, AnIncrementWhoseRowsAreNotThoseItPromisesIsCorrupt) {
  const std::string full = full_dump(*store);
  for (int i = 0; i < 3; ++i) put("oa", std::to_string(i));
  const std::string made = increment(*store, full).value();
  DumpReader whole = reader_of(made);
  const DumpHeader header = whole.header().value();
  const std::vector<KvRow> rows = whole.next().value();
  ASSERT_EQ(rows.size(), 3U);
  // Written anew, so that every checksum fits.
  const auto refused = [&](const std::vector<std::size_t>& order) {
    DumpWriter writer(header);
    std::uint64_t at = 0;
    for (const std::size_t i : order) writer.add(keys::increment_row(++at), rows[i].second);
    static_cast<void>(writer.finish());
    IncrementReader reader = IncrementReader::open(reader_of(writer.take())).value();
    while (true) {
      const auto change = reader.next();
      if (!change) return change.error().code() == Errc::kCorruption;
      if (!*change) return false;
    }
  };
  EXPECT_FALSE(refused({0, 1, 2}));
  EXPECT_TRUE(refused({0, 1}));
  EXPECT_TRUE(refused({0, 2, 1}));
  EXPECT_TRUE(refused({0, 1, 1, 2}));
  EXPECT_TRUE(refused({1, 2, 2}));
  for (std::size_t bytes = 0; bytes < rows[0].second.size(); ++bytes) {
    EXPECT_FALSE(decode_journal_row(rows[0].second.substr(0, bytes)).has_value() &&
                 decode_piece(decode_journal_row(rows[0].second.substr(0, bytes))->value));
  }
}

TEST_F(JournalTest, ALoadThatBreaksOffInTheChangesLeavesAStoreThatIsRefused) {
  put("oa", "1");
  const std::string full = full_dump(*store);
  put("oa", "2");
  const std::string made = increment(*store, full).value();
  const auto to = make_mem_kv();
  DumpReader reader = reader_of(full);
  ASSERT_TRUE(reader.header());
  int given = 0;
  const auto broken = load_rows(
      *to, [&reader] { return reader.next(); },
      [&given]() -> Result<std::optional<JournalChange>> {
        if (++given == 3) return Error(Errc::kIo, "the disk went away");
        JournalChange change;
        for (int i = 0; i < 600; ++i) change.writes.push_back(KvWrite::add("c-sum", 1));
        return change;
      });
  EXPECT_EQ(broken.error().code(), Errc::kIo);
  EXPECT_FALSE(check_loaded(*to));
  ASSERT_TRUE(load_chain(*to, {full, made}, std::nullopt));
  EXPECT_TRUE(check_loaded(*to));
  EXPECT_EQ(rows_of(*to), rows_of(*store));
}

// The store says whether it has a journal, and every commit requires that it does: there is no
// moment at which one process writes what another one does not see recorded.
TEST(SharedJournal, WhoeverOpensLastDecidesForAll) {
  const auto store = make_mem_kv(kJournalPrefix);
  const auto open = [&](bool on, std::uint64_t stream) {
    return std::make_unique<Writer>(std::make_unique<ForwardingKv>(*store), on, true, stream);
  };
  const auto put = [](Writer& writer, const std::string& value) {
    KvBatch batch;
    batch.conditions.push_back(KvCondition::absent("o" + value));
    batch.writes.push_back(KvWrite::put("o" + value, value));
    batch.writes.push_back(KvWrite::add("c-sum", 1));
    return commit_to(*writer.store, std::move(batch));
  };
  const auto off = open(false, 1);
  ASSERT_TRUE(put(*off, "1"));
  const auto on = open(true, 2);
  const std::string full = full_dump(*store);
  ASSERT_TRUE(put(*off, "2")) << "it was opened without";
  ASSERT_TRUE(put(*on, "3"));
  const std::string made = increment(*store, full).value();
  EXPECT_EQ(rows_at({full, made}, std::nullopt), rows_of(*store));
  const auto taken = put(*on, "3");
  EXPECT_EQ(taken.error().code(), Errc::kPrecondition);
  EXPECT_EQ(taken.error().detail(), condition_failed(KvCondition::absent(""), 0).detail());

  const auto off_again = open(false, 3);
  ASSERT_TRUE(put(*on, "4"));
  EXPECT_FALSE(increment(*store, made));
  const auto on_again = open(true, 4);
  ASSERT_TRUE(put(*off_again, "5"));
  EXPECT_FALSE(increment(*store, made));
  EXPECT_FALSE(store->scan(keys::within(std::string(1, kJournalPrefix)), 9).value().empty());
}

TEST(SharedJournal, ACommitThatIsUnderWayWhenTheJournalBeginsIsInIt) {
  const auto store = make_mem_kv(kJournalPrefix);
  auto slow = std::make_unique<LateKv>(*store);
  LateKv& gap = *slow;
  const Writer off(std::move(slow), false, true, 1);
  std::unique_ptr<Writer> on;
  std::string full;
  gap.before_commit([&] {
    on = std::make_unique<Writer>(std::make_unique<ForwardingKv>(*store), true, true, 2);
    full = full_dump(*store);
  });
  KvBatch batch;
  batch.writes.push_back(KvWrite::put("oa", "1"));
  ASSERT_TRUE(commit_to(*off.store, std::move(batch)));
  const std::string made = increment(*store, full).value();
  EXPECT_EQ(rows_at({full, made}, std::nullopt), (Rows{{"oa", "1"}}));
}

TEST(JournalCuts, TheCollectorCutsWhatIsOlderThanItIsKept) {
  FilerWorld world;
  Writer writer(std::make_unique<ForwardingKv>(*world.store), true, false, 4);
  writer.clock.now = world.clock.wall();
  FakeVolumes volumes;
  const auto timers = make_asio_timers();
  const auto rows_left = [&] {
    return world.store->scan(keys::within(std::string(1, kJournalPrefix)), 9).value().size();
  };
  const auto cuts = [&](std::chrono::nanoseconds keep) {
    Metrics metrics;
    Collector collector({world.kv, world.work, world.clock, *timers, volumes, volumes,
                         [] { return NeedleKey(1); }, metrics},
                        {.journal_keep = keep});
    return world.run(collector.collect(true)).value().journal_cuts;
  };
  for (int i = 0; i < 3; ++i) {
    KvBatch batch;
    batch.writes.push_back(KvWrite::put("aa", std::to_string(i)));
    ASSERT_TRUE(commit_to(*writer.store, std::move(batch)));
  }
  EXPECT_EQ(cuts(std::chrono::minutes(10)), 0U);
  world.clock.advance(std::chrono::minutes(11));
  // One that would keep none leaves alone what another process keeps.
  EXPECT_EQ(cuts(std::chrono::nanoseconds(0)), 0U);
  EXPECT_EQ(rows_left(), 3U);
  EXPECT_EQ(cuts(std::chrono::minutes(10)), 1U);
  EXPECT_EQ(rows_left(), 0U);
}

}  // namespace
}  // namespace kelp::test
