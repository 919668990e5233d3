#include "raft/core/log_view.h"

#include <gtest/gtest.h>

namespace kelp::raft {
namespace {

Entry entry(std::uint64_t index, std::uint64_t term, std::string data = "x") {
  return {.term = Term{term}, .index = LogIndex{index}, .data = std::move(data)};
}

/// Entries 1 to 5 of the terms 1 1 2 4 4, all on disk.
LogView five() {
  return {LogIndex{0}, Term{0}, {entry(1, 1), entry(2, 1), entry(3, 2), entry(4, 4), entry(5, 4)}};
}

TEST(LogView, KnowsTermsBetweenItsBaseAndItsEnd) {
  const LogView log = five();
  EXPECT_EQ(log.term_at(LogIndex{0}), Term{0});
  EXPECT_EQ(log.term_at(LogIndex{3}), Term{2});
  EXPECT_EQ(log.term_at(LogIndex{5}), Term{4});
  EXPECT_EQ(log.term_at(LogIndex{6}), std::nullopt);
}

TEST(LogView, FindsTheNewestEntryOfATermAtMost) {
  const LogView log = five();
  EXPECT_EQ(log.newest_of_term(LogIndex{5}, Term{4}), LogIndex{5});
  EXPECT_EQ(log.newest_of_term(LogIndex{4}, Term{4}), LogIndex{4});
  EXPECT_EQ(log.newest_of_term(LogIndex{5}, Term{3}), LogIndex{3});
  EXPECT_EQ(log.newest_of_term(LogIndex{5}, Term{1}), LogIndex{2});
  EXPECT_EQ(log.newest_of_term(LogIndex{5}, Term{0}), LogIndex{0});
  EXPECT_EQ(log.newest_of_term(LogIndex{99}, Term{9}), LogIndex{5});
}

TEST(LogView, CopiesUpToTheBytesButAtLeastOne) {
  LogView log(LogIndex{0}, Term{0}, {});
  for (std::uint64_t i = 1; i <= 4; ++i) log.append(entry(i, 1, std::string(10, 'a')));
  EXPECT_EQ(log.copy_bytes(LogIndex{1}, 30).size(), 3U);
  EXPECT_EQ(log.copy_bytes(LogIndex{1}, 29).size(), 2U);
  EXPECT_EQ(log.copy_bytes(LogIndex{1}, 1).size(), 1U);
  EXPECT_EQ(log.copy_bytes(LogIndex{4}, 1000).size(), 1U);
  EXPECT_TRUE(log.copy_bytes(LogIndex{5}, 1000).empty());
}

TEST(LogView, CountsAsStoredOnlyWhatTheDiskConfirmed) {
  LogView log(LogIndex{0}, Term{0}, {});
  log.append(entry(1, 1));
  log.append(entry(2, 1));
  EXPECT_EQ(log.hand_out(1).size(), 2U);
  log.append(entry(3, 1));
  EXPECT_EQ(log.hand_out(2).size(), 1U);
  EXPECT_EQ(log.stored_to(), LogIndex{0});
  log.stored(1);
  EXPECT_EQ(log.stored_to(), LogIndex{2});
  EXPECT_TRUE(log.storing());
  log.stored(2);
  EXPECT_EQ(log.stored_to(), LogIndex{3});
  EXPECT_FALSE(log.storing());
}

// The disk says yes to entries that were replaced meanwhile: their successors are not stored by it.
TEST(LogView, AStoredEntryThatWasReplacedMeanwhileCountsForNothing) {
  LogView log(LogIndex{0}, Term{0}, {});
  for (std::uint64_t i = 1; i <= 3; ++i) log.append(entry(i, 1));
  EXPECT_EQ(log.hand_out(1).size(), 3U);
  log.truncate_from(LogIndex{2});
  log.append(entry(2, 2));
  log.append(entry(3, 2));
  log.stored(1);
  EXPECT_EQ(log.stored_to(), LogIndex{1});
  const auto again = log.hand_out(2);
  ASSERT_EQ(again.size(), 2U);
  EXPECT_EQ(again.front(), entry(2, 2));
  log.stored(2);
  EXPECT_EQ(log.stored_to(), LogIndex{3});
}

TEST(LogView, TruncationTakesBackWhatWasStored) {
  LogView log = five();
  log.truncate_from(LogIndex{4});
  EXPECT_EQ(log.last(), LogIndex{3});
  EXPECT_EQ(log.stored_to(), LogIndex{3});
  log.append(entry(4, 5));
  EXPECT_EQ(log.stored_to(), LogIndex{3});
  EXPECT_TRUE(log.has_unstored());
}

TEST(LogView, CompactionKeepsTheTermBeforeItsFirstEntry) {
  LogView log = five();
  log.compact(LogIndex{3});
  EXPECT_EQ(log.first(), LogIndex{4});
  EXPECT_EQ(log.last(), LogIndex{5});
  EXPECT_EQ(log.term_at(LogIndex{3}), Term{2});
  EXPECT_EQ(log.term_at(LogIndex{2}), std::nullopt);
  log.compact(LogIndex{1});  // an older one changes nothing
  EXPECT_EQ(log.first(), LogIndex{4});
}

TEST(LogView, AnInstalledSnapshotIsNotOnDiskUntilItsReadyIs) {
  LogView log = five();
  log.append(entry(6, 4));
  EXPECT_EQ(log.hand_out(1).size(), 1U);
  log.reset(LogIndex{20}, Term{6});
  EXPECT_EQ(log.last(), LogIndex{20});
  EXPECT_TRUE(log.has_unstored());
  log.stored(1);  // of the log before
  EXPECT_EQ(log.stored_to(), LogIndex{0});
  EXPECT_TRUE(log.hand_out(2).empty());
  log.stored(2);
  EXPECT_EQ(log.stored_to(), LogIndex{20});
}

}  // namespace
}  // namespace kelp::raft
