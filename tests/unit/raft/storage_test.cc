// Reads, snapshots, compaction and restarts: thesis 3.8, 5.1, 6.4.
#include <gtest/gtest.h>

#include "raft/core/membership.h"
#include "tests/unit/raft/core_group.h"

namespace kelp::raft {
namespace {

const std::vector<NodeId> kThreeVoters{kOne, kTwo, kThree};

AppendAnswer accepted(std::uint64_t match, std::uint64_t read = 0) {
  return {.accepted = true, .match = LogIndex{match}, .read_sequence = read};
}

Solo settled_leader(CoreOptions options = {}) {
  Solo node(kOne, fresh(kThreeVoters), options);
  elect(node, kThreeVoters);
  node.settle();
  node.receive(kTwo, 1, accepted(1));
  node.receive(kThree, 1, accepted(1));
  node.settle();
  return node;
}

SnapshotMark mark(std::uint64_t index, std::uint64_t term) {
  return {LogIndex{index}, Term{term}, {kThreeVoters, {}, {}}};
}

TEST(RaftRead, IsAnsweredAfterAMajorityConfirmedTheLeader) {
  Solo node = settled_leader();
  ASSERT_TRUE(node->read_index(7));
  const Ready ready = node.settle();
  EXPECT_TRUE(ready.reads.empty());
  const auto beats = bodies<AppendRequest>(ready.send_now);
  ASSERT_EQ(beats.size(), 2U);
  EXPECT_EQ(beats[0].read_sequence, 1U);
  node.receive(kTwo, 1, accepted(1, 0));
  EXPECT_TRUE(node.settle().reads.empty()) << "an answer to a message from before the read";
  node.receive(kTwo, 1, accepted(1, 1));
  const auto reads = node.settle().reads;
  ASSERT_EQ(reads.size(), 1U);
  EXPECT_EQ(reads[0].request, 7U);
  EXPECT_EQ(reads[0].index, LogIndex{1});
}

TEST(RaftRead, ARefusalOfTheSameTermConfirmsToo) {
  Solo node = settled_leader();
  ASSERT_TRUE(node->read_index(7));
  node.settle();
  node.receive(kThree, 1, AppendAnswer{.read_sequence = 1});
  EXPECT_EQ(node.settle().reads.size(), 1U);
}

TEST(RaftRead, OneRoundServesAllThatCameBeforeIt) {
  Solo node = settled_leader();
  for (std::uint64_t request = 1; request <= 5; ++request) {
    ASSERT_TRUE(node->read_index(request));
  }
  EXPECT_EQ(bodies<AppendRequest>(node.settle().send_now).size(), 2U);
  ASSERT_TRUE(node->read_index(6));
  node.settle();
  node.receive(kTwo, 1, accepted(1, 1));
  EXPECT_EQ(node.settle().reads.size(), 5U);
  node.receive(kTwo, 1, accepted(1, 2));
  EXPECT_EQ(node.settle().reads.size(), 1U);
}

// Thesis 6.4, step 1.
TEST(RaftRead, WaitsForAnEntryOfTheLeadersOwnTerm) {
  Solo node(kOne, with_log(kThreeVoters, {1, 1}, 1));
  elect(node, kThreeVoters);
  ASSERT_TRUE(node->read_index(7));
  const std::uint64_t term = node->term().value;
  EXPECT_EQ(bodies<AppendRequest>(node.settle().send_now).size(), 2U) << "the first entry only";
  node.receive(kTwo, term, accepted(3));
  EXPECT_EQ(bodies<AppendRequest>(node.settle().send_now).size(), 2U) << "now the round";
  node.receive(kTwo, term, accepted(3, 1));
  EXPECT_EQ(node.settle().reads.at(0).index, LogIndex{3});
}

TEST(RaftRead, IsGivenBackWhenLeadershipEnds) {
  Solo node = settled_leader();
  ASSERT_TRUE(node->read_index(7));
  node.settle();
  ASSERT_TRUE(node->read_index(8));
  node.receive(kTwo, 9, AppendAnswer{});
  const auto reads = node.settle().reads;
  ASSERT_EQ(reads.size(), 2U);
  EXPECT_EQ(reads[0].index, std::nullopt);
  EXPECT_EQ(reads[1].index, std::nullopt);
  EXPECT_EQ(node->read_index(9).error().code(), Errc::kUnavailable);
}

TEST(RaftRead, AVoterAloneConfirmsItself) {
  Group group({kOne});
  group.elect(kOne);
  ASSERT_TRUE(group[kOne].read_index(7));
  group.settle();
  ASSERT_EQ(group.reads.size(), 1U);
  EXPECT_EQ(group.reads[0].index, LogIndex{1});
}

TEST(RaftRead, ALearnersAnswerDoesNotCount) {
  StoredState stored = fresh({kOne, kTwo, kThree});
  stored.snapshot.membership.learners = {kFour, kFive};
  Solo node(kOne, stored);
  elect(node, kThreeVoters);
  node.settle();
  node.receive(kTwo, 1, accepted(1));
  ASSERT_TRUE(node->read_index(7));
  node.settle();
  node.receive(kFour, 1, accepted(1, 1));
  node.receive(kFive, 1, accepted(1, 1));
  EXPECT_TRUE(node.settle().reads.empty());
}

TEST(RaftSnapshot, CompactionKeepsWhatSlowFollowersNeed) {
  Group group(kThreeVoters);
  group.elect(kOne);
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(group[kOne].propose("a"));
  group.settle();
  group[kOne].compacted(LogIndex{11}, 4);
  EXPECT_EQ(group[kOne].first_index(), LogIndex{8});
  group[kOne].compacted(LogIndex{5}, 0);  // an older one changes nothing
  EXPECT_EQ(group[kOne].first_index(), LogIndex{8});
}

TEST(RaftSnapshot, AFollowerThatIsTooFarBehindIsSentOne) {
  Group group(kThreeVoters);
  group.elect(kOne);
  group.cut(kThree);
  for (const char* name : {"a", "b", "c"}) ASSERT_TRUE(group[kOne].propose(name));
  group.tick(kOne);
  group[kOne].compacted(LogIndex{4}, 0);
  ASSERT_TRUE(group[kOne].propose("d"));
  group.heal();
  group.tick_all(3);
  EXPECT_EQ(group.snapshots, 1U);
  EXPECT_EQ(group.applied(kThree), (std::vector<std::string>{"a", "b", "c", "d"}));
  EXPECT_EQ(group[kThree].first_index(), LogIndex{5});
}

TEST(RaftSnapshot, ADeadFollowerIsOfferedNone) {
  Group group(kThreeVoters);
  group.elect(kOne);
  group.cut(kThree);
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(group[kOne].propose("a"));
  group.tick(kOne, 20);
  group[kOne].compacted(LogIndex{6}, 0);
  int offers = 0;
  group.filter = [&](const Message& message) {
    offers += std::holds_alternative<InstallSnapshot>(message.body);
    return true;
  };
  ASSERT_TRUE(group[kOne].propose("b"));
  group.tick(kOne, 50);
  EXPECT_EQ(offers, 0);
  group.heal();
  group.tick_all(3);
  EXPECT_EQ(group[kThree].commit_index(), group[kOne].commit_index());
}

// What was sent is lost, and compacted before a heartbeat could ask for it.
TEST(RaftSnapshot, IsOfferedWhenTheWindowIsFullOfWhatIsCompactedAway) {
  Solo node = settled_leader({.append_window = 1});
  ASSERT_TRUE(node->propose("lost"));
  node.settle();
  node.receive(kTwo, 1, accepted(2));
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(node->propose("more"));
    node.settle();
    node.receive(kTwo, 1, accepted(3 + static_cast<std::uint64_t>(i)));
    node.settle();
  }
  node->compacted(LogIndex{5}, 0);
  node.receive(kThree, 1, accepted(0));
  EXPECT_EQ(bodies<InstallSnapshot>(node.settle().send_now).size(), 1U);
}

TEST(RaftSnapshot, IsOfferedAgainAfterItFailed) {
  Group group(kThreeVoters);
  group.elect(kOne);
  group.cut(kThree);
  ASSERT_TRUE(group[kOne].propose("a"));
  group.tick(kOne);
  group[kOne].compacted(LogIndex{2}, 0);
  group.heal();
  int offers = 0;
  group.filter = [&](const Message& message) {
    if (!std::holds_alternative<InstallSnapshot>(message.body) || ++offers > 2) return true;
    group[kOne].snapshot_sent(kThree, false);
    return false;
  };
  group.tick_all(6);
  EXPECT_EQ(offers, 3);
  EXPECT_EQ(group[kThree].commit_index(), LogIndex{2});
}

TEST(RaftSnapshot, IsPromisedAfterItsReadyIsStored) {
  Solo node(kThree, fresh(kThreeVoters));
  node.receive(kOne, 1, AppendRequest{});
  node.settle();
  node->snapshot_received(kOne, Term{1}, mark(8, 1));
  const Ready ready = node.hold();
  ASSERT_EQ(ready.snapshot, mark(8, 1));
  EXPECT_TRUE(ready.must_sync);
  EXPECT_TRUE(ready.send_now.empty());
  EXPECT_EQ(bodies<AppendAnswer>(ready.send_when_stored).at(0), accepted(8));
  EXPECT_EQ(node->commit_index(), LogIndex{8});
  EXPECT_EQ(node->first_index(), LogIndex{9});
}

TEST(RaftSnapshot, AnOldOneIsIgnoredAndAnsweredWithWhatIsThere) {
  Solo node(kThree, with_log(kThreeVoters, {1, 1, 1, 1}, 1));
  node.receive(kOne, 1,
               AppendRequest{
                   .previous_index = LogIndex{4}, .previous_term = Term{1}, .commit = LogIndex{4}});
  node.settle();
  node->snapshot_received(kOne, Term{1}, mark(3, 1));
  const Ready ready = node.settle();
  EXPECT_FALSE(ready.snapshot.has_value());
  EXPECT_EQ(bodies<AppendAnswer>(ready.send_now).at(0), accepted(4));
  EXPECT_EQ(node->last_index(), LogIndex{4});
}

// Figure 5.3, InstallSnapshot 6: what follows the snapshot in the log stays.
TEST(RaftSnapshot, ALogThatHasItsEntryKeepsWhatFollows) {
  Solo node(kThree, with_log(kThreeVoters, {1, 1, 1, 1}, 1));
  node->snapshot_received(kOne, Term{1}, mark(3, 1));
  const Ready ready = node.settle();
  EXPECT_FALSE(ready.snapshot.has_value());
  EXPECT_EQ(node->commit_index(), LogIndex{3});
  EXPECT_EQ(node->last_index(), LogIndex{4});
}

TEST(RaftSnapshot, OfALeaderOfThePastIsRefused) {
  Solo node(kThree, with_log(kThreeVoters, {}, 5));
  node->snapshot_received(kOne, Term{4}, mark(3, 1));
  const Ready ready = node.settle();
  EXPECT_FALSE(ready.snapshot.has_value());
  ASSERT_EQ(ready.send_now.size(), 1U);
  EXPECT_EQ(ready.send_now[0].term, Term{5});
}

TEST(RaftRestart, GoesOnFromItsDisk) {
  StoredState stored = with_log(kThreeVoters, {1, 1, 2}, 2);
  stored.hard.commit = LogIndex{2};
  Solo node(kOne, stored);
  const Ready ready = node.settle();
  EXPECT_EQ(ready.committed.size(), 2U) << "the state machine begins anew";
  EXPECT_TRUE(ready.entries.empty());
  EXPECT_EQ(node->last_index(), LogIndex{3});
}

TEST(RaftRestart, MembersComeFromTheLog) {
  StoredState stored = with_log(kThreeVoters, {1, 1}, 1);
  const Membership joint{{kOne, kFour}, kThreeVoters, {}};
  stored.entries[1].kind = EntryKind::kMembership;
  stored.entries[1].data = encode_membership(joint);
  Solo node(kOne, stored);
  EXPECT_EQ(node->membership(), joint);
}

TEST(RaftRestart, ASnapshotMayBeAheadOfTheLog) {
  StoredState stored;
  stored.hard = {.term = Term{3}, .commit = LogIndex{2}};
  stored.snapshot = mark(9, 2);
  Solo node(kOne, stored);
  EXPECT_EQ(node->commit_index(), LogIndex{9});
  EXPECT_EQ(node->last_index(), LogIndex{9});
  EXPECT_TRUE(node.settle().committed.empty());
}

TEST(RaftRestart, RefusesStatesThatNoRunLeaves) {
  const StoredState good = with_log(kThreeVoters, {1, 2, 2}, 3);
  std::vector<StoredState> bad(9, good);
  bad[0].entries[1].index = LogIndex{3};         // a gap
  bad[1].entries.erase(bad[1].entries.begin());  // does not follow the snapshot
  bad[2].entries[2].term = Term{1};              // terms fall
  bad[3].hard.term = Term{1};                    // votes were lost
  bad[4].hard.commit = LogIndex{4};              // committed, but not there
  bad[5].entries[0].term = Term{0};
  bad[6].snapshot.term = Term{1};                   // no index with it
  bad[7].entries[2].kind = EntryKind::kMembership;  // that does not decode
  bad[8].snapshot.membership.voters = {kTwo, kOne};
  ASSERT_TRUE(RaftCore::start({.self = kOne}, good));
  for (std::size_t i = 0; i < bad.size(); ++i) {
    const auto refused = RaftCore::start({.self = kOne}, bad[i]);
    ASSERT_FALSE(refused) << i;
    EXPECT_EQ(refused.error().code(), Errc::kCorruption) << i;
  }
}

}  // namespace
}  // namespace kelp::raft
