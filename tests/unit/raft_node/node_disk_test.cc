// A member's directory from its first start on: snapshot and log are joined, or refused.
#include <gtest/gtest.h>

#include "base/rng.h"
#include "raft/node/node_impl.h"
#include "tests/support/sim_disk.h"

namespace kelp::raft {
namespace {

using test::SimDisk;

const std::string kDir = "/raft";
const std::string kLog = kDir + "/log-00000000000000000000.seg";
const std::string kFirst = kDir + "/snapshot-00000000000000000000.snap";

NodeOptions options_of(std::uint64_t self, std::vector<NodeId> bootstrap = {}) {
  return {.dir = kDir, .cluster_id = "c", .self = NodeId{self}, .bootstrap = std::move(bootstrap)};
}

NodeOptions options() {
  return options_of(2, {NodeId{3}, NodeId{1}, NodeId{2}, NodeId{3}});
}

Membership members() {
  return {.voters = {NodeId{1}, NodeId{2}, NodeId{3}}, .old_voters = {}, .learners = {}};
}

SnapshotMark mark_at(std::uint64_t index, std::uint64_t term) {
  return {.index = LogIndex{index}, .term = Term{term}, .membership = members()};
}

void append(NodeDisk& disk, WalChange change) {
  ASSERT_TRUE(disk.wal->append(std::span(&change, 1)));
}

WalChange entries(std::uint64_t from, std::uint64_t to, std::uint64_t term) {
  WalChange change;
  for (std::uint64_t i = from; i <= to; ++i) {
    change.entries.push_back({Term{term}, LogIndex{i}, EntryKind::kCommand, std::to_string(i)});
  }
  change.hard = HardState{.term = Term{term}, .vote = NodeId{1}, .commit = LogIndex{}};
  return change;
}

/// A directory with entries 1 to 10 of term 2.
void fill(SimDisk& disk) {
  auto opened = open_node_disk(disk, options(), 1);
  ASSERT_TRUE(opened) << opened.error().message();
  append(*opened, entries(1, 10, 2));
}

TEST(NodeDisk, AFirstStartRemembersTheFirstMembers) {
  SimDisk disk;
  const auto first = open_node_disk(disk, options(), 1);
  ASSERT_TRUE(first) << first.error().message();
  EXPECT_EQ(first->stored.snapshot.membership, members());
  disk.crash_losing_all();
  const auto again = open_node_disk(disk, options_of(2), 2);
  ASSERT_TRUE(again) << again.error().message();
  EXPECT_EQ(again->stored.snapshot.membership, members()) << "whatever it is told later";
  SimDisk other;
  EXPECT_EQ(open_node_disk(other, options_of(4), 1)->stored.snapshot.membership, Membership{})
      << "waits to be added";
}

TEST(NodeDisk, AFirstStartThatIsCutShortBeginsAgain) {
  for (std::uint64_t last = 1; last < 30; ++last) {
    SimDisk disk({.seed = last});
    Rng rng(last);
    disk.power_off_after(last);
    static_cast<void>(open_node_disk(disk, options(), 1));
    disk.crash(rng);
    const auto again = open_node_disk(disk, options(), 2);
    ASSERT_TRUE(again) << last << ": " << again.error().message();
    EXPECT_EQ(again->stored.snapshot.membership, members());
  }
}

TEST(NodeDisk, ALogWithoutItsSnapshotAndASnapshotWithoutItsLogAreRefused) {
  for (const auto& path : {kLog, kFirst}) {
    SimDisk disk;
    fill(disk);
    ASSERT_TRUE(disk.remove(path));
    const auto opened = open_node_disk(disk, options(), 2);
    ASSERT_FALSE(opened) << path << ": votes are never forgotten in silence";
    EXPECT_EQ(opened.error().code(), Errc::kCorruption);
    EXPECT_NE(opened.error().detail().find("remove it from the group and add it again"),
              std::string::npos);
  }
}

TEST(NodeDisk, EntriesBehindTheSnapshotFollowIt) {
  SimDisk disk;
  fill(disk);
  {
    auto opened = open_node_disk(disk, options(), 2);
    ASSERT_TRUE(opened->snapshots->save(mark_at(6, 2), "state"));
  }
  const auto opened = open_node_disk(disk, options(), 3);
  ASSERT_TRUE(opened) << opened.error().message();
  EXPECT_EQ(opened->state, "state");
  EXPECT_EQ(opened->stored.entries, entries(7, 10, 2).entries);
  EXPECT_EQ(opened->stored.hard.commit, LogIndex{6});
  EXPECT_EQ(opened->stored.hard.vote, NodeId{1});
}

/// A snapshot that was received is newer than the log, or its term is not the log's.
TEST(NodeDisk, AReceivedSnapshotTakesThePlaceOfALogThatDoesNotFit) {
  for (const auto& mark : {mark_at(30, 5), mark_at(6, 3), mark_at(30, 2)}) {
    SimDisk disk;
    fill(disk);
    ASSERT_TRUE(open_node_disk(disk, options(), 2)->snapshots->save(mark, "state"));
    for (std::uint64_t start = 3; start < 6; ++start) {
      auto opened = open_node_disk(disk, options(), start);
      ASSERT_TRUE(opened) << opened.error().message();
      const LogIndex last{mark.index.value + start - 3};
      EXPECT_EQ(opened->stored.entries.size(), start - 3);
      EXPECT_EQ(opened->stored.hard.term, std::max(mark.term, Term{2}));
      EXPECT_EQ(opened->stored.hard.vote.has_value(), mark.term == Term{2} || start > 3);
      EXPECT_TRUE(RaftCore::start({.self = NodeId{2}}, opened->stored));
      append(*opened, entries(last.value + 1, last.value + 1, std::max(mark.term.value, 2UL)));
      disk.crash_losing_all();
    }
  }
}

TEST(NodeDisk, ALogThatBeginsBehindTheSnapshotIsRefused) {
  SimDisk disk;
  fill(disk);
  {
    auto opened = open_node_disk(disk, options(), 2);
    append(*opened, {.reset = LogPosition{LogIndex{40}, Term{2}}});
  }
  const auto opened = open_node_disk(disk, options(), 3);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code(), Errc::kCorruption);
}

}  // namespace
}  // namespace kelp::raft
