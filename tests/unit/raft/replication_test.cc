// Replication, sentence by sentence: thesis 3.5, 3.6, 10.2.
#include <gtest/gtest.h>

#include "raft/core/membership.h"
#include "tests/unit/raft/core_group.h"

namespace kelp::raft {
namespace {

const std::vector<NodeId> kThreeVoters{kOne, kTwo, kThree};

AppendRequest append(std::uint64_t previous, std::uint64_t previous_term,
                     std::vector<Entry> entries, std::uint64_t commit = 0) {
  return {.previous_index = LogIndex{previous},
          .previous_term = Term{previous_term},
          .commit = LogIndex{commit},
          .entries = std::move(entries)};
}
AppendAnswer accepted(std::uint64_t match) {
  return {.accepted = true, .match = LogIndex{match}};
}

AppendAnswer only_answer(const std::vector<Message>& messages) {
  const auto answers = bodies<AppendAnswer>(messages);
  EXPECT_EQ(answers.size(), 1U);
  return answers.empty() ? AppendAnswer{} : answers.front();
}

/// Appends that were sent to `node`.
std::vector<AppendRequest> appends_to(const Ready& ready, NodeId node) {
  std::vector<AppendRequest> found;
  for (const Message& message : ready.send_now) {
    const auto* request = std::get_if<AppendRequest>(&message.body);
    if (message.to == node && request != nullptr) found.push_back(*request);
  }
  return found;
}

/// A leader of term 1 whose first entry both followers have.
Solo settled_leader(CoreOptions options = {}) {
  Solo node(kOne, fresh(kThreeVoters), options);
  elect(node, kThreeVoters);
  node.settle();
  node.receive(kTwo, 1, accepted(1));
  node.receive(kThree, 1, accepted(1));
  node.settle();
  return node;
}

TEST(RaftReplication, ANewLeaderAppendsAnEntryOfItsTermAndSendsItAtOnce) {
  Solo node(kOne, with_log(kThreeVoters, {1, 1}, 1));
  elect(node, kThreeVoters);
  const Ready ready = node.hold();
  ASSERT_EQ(ready.entries.size(), 1U);
  EXPECT_EQ(ready.entries[0].kind, EntryKind::kNothing);
  EXPECT_EQ(ready.entries[0].index, LogIndex{3});
  for (const NodeId follower : {kTwo, kThree}) {
    const auto sent = appends_to(ready, follower);
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_EQ(sent[0].previous_index, LogIndex{2});
    EXPECT_EQ(sent[0].previous_term, Term{1});
    EXPECT_EQ(sent[0].entries, ready.entries) << "before its own disk has it: thesis 10.2.1";
  }
}

TEST(RaftReplication, AFollowerPromisesEntriesAfterItsDiskHasThem) {
  Solo node(kOne, fresh(kThreeVoters));
  node.receive(kTwo, 1, AppendRequest{});
  node.settle();
  node.receive(kTwo, 1, append(0, 0, {command(1, 1, "a"), command(2, 1, "b")}));
  const Ready ready = node.hold();
  EXPECT_EQ(ready.entries.size(), 2U);
  EXPECT_TRUE(ready.must_sync);
  EXPECT_TRUE(ready.send_now.empty());
  EXPECT_EQ(only_answer(ready.send_when_stored), accepted(2));
}

TEST(RaftReplication, ARepeatedAppendWaitsForTheDiskToo) {
  Solo node(kOne, fresh(kThreeVoters));
  node.receive(kTwo, 1, AppendRequest{});
  node.settle();
  node.receive(kTwo, 1, append(0, 0, {command(1, 1, "a")}));
  node.hold();
  node.receive(kTwo, 1, append(0, 0, {command(1, 1, "a")}));
  const Ready again = node.hold();
  EXPECT_TRUE(again.entries.empty());
  EXPECT_TRUE(again.send_now.empty());
  EXPECT_EQ(only_answer(again.send_when_stored), accepted(1));
  node->stored(node.unstored);
  node.receive(kTwo, 1, append(0, 0, {command(1, 1, "a")}));
  EXPECT_EQ(only_answer(node.hold().send_now), accepted(1));
}

TEST(RaftReplication, AHeartbeatIsAnsweredWhileTheDiskIsSlow) {
  Solo node(kOne, fresh(kThreeVoters));
  node.receive(kTwo, 1, AppendRequest{});
  node.settle();
  node.receive(kTwo, 1, append(0, 0, {command(1, 1, "a")}));
  node.hold();
  node.receive(kTwo, 1, append(1, 1, {}));
  EXPECT_EQ(only_answer(node.hold().send_now), accepted(0)) << "and promises nothing";
}

TEST(RaftReplication, NothingIsSaidInATermThatIsNotOnDisk) {
  Solo node(kOne, fresh(kThreeVoters));
  node.receive(kTwo, 1, AppendRequest{});
  const Ready ready = node.hold();
  EXPECT_TRUE(ready.send_now.empty());
  EXPECT_EQ(only_answer(ready.send_when_stored), accepted(0));
}

// Figure 3.1, AppendEntries 2 and 5.3's hint.
TEST(RaftReplication, RefusesWhatDoesNotFollowItsLogAndSaysWhereToGoOn) {
  struct Case {
    std::uint64_t previous;
    std::uint64_t previous_term;
    std::uint64_t hint;
    std::uint64_t hint_term;
  };
  // The log is 1 1 1 2 2 3 3.
  const Case cases[] = {{9, 5, 7, 3}, {7, 5, 6, 3}, {7, 2, 5, 2}, {6, 1, 3, 1}, {4, 1, 3, 1}};
  for (const Case& c : cases) {
    Solo node(kOne, with_log(kThreeVoters, {1, 1, 1, 2, 2, 3, 3}, 6));
    node.receive(kTwo, 6, append(c.previous, c.previous_term, {}));
    const AppendAnswer answer = only_answer(node.settle().send_now);
    EXPECT_FALSE(answer.accepted);
    EXPECT_EQ(answer.hint_index, LogIndex{c.hint}) << c.previous << " " << c.previous_term;
    EXPECT_EQ(answer.hint_term, Term{c.hint_term});
  }
}

// Figure 3.1, AppendEntries 3 and 4.
TEST(RaftReplication, ReplacesEntriesThatConflictAndOnlyThose) {
  Solo node(kOne, with_log(kThreeVoters, {1, 1, 2, 2}, 3));
  node.receive(kTwo, 3, append(1, 1, {command(2, 1, {}), command(3, 3, "new")}));
  const Ready ready = node.settle();
  EXPECT_EQ(ready.entries, (std::vector{command(3, 3, "new")}));
  EXPECT_EQ(node->last_index(), LogIndex{3});
}

TEST(RaftReplication, AnOldAppendCutsNothingOff) {
  Solo node(kOne, with_log(kThreeVoters, {1, 1, 1, 1}, 1));
  node.receive(kTwo, 1, append(1, 1, {command(2, 1, {})}));
  const Ready ready = node.settle();
  EXPECT_TRUE(ready.entries.empty());
  EXPECT_EQ(node->last_index(), LogIndex{4});
  EXPECT_EQ(only_answer(ready.send_now), accepted(2)) << "of what the message vouches for only";
}

// Figure 3.1, AppendEntries 5.
TEST(RaftReplication, AFollowerCommitsNoFurtherThanTheMessageVouches) {
  Solo node(kOne, with_log(kThreeVoters, {1, 1, 1, 1}, 1));
  node.receive(kTwo, 1, append(1, 1, {command(2, 1, {})}, /*commit=*/4));
  EXPECT_EQ(node->commit_index(), LogIndex{2});
  EXPECT_EQ(node.settle().committed.size(), 2U);
}

TEST(RaftReplication, CommittedEntriesAreNeverReplaced) {
  Solo node(kOne, with_log(kThreeVoters, {1, 1, 1}, 1));
  node.receive(kTwo, 1, append(3, 1, {}, 3));
  node.settle();
  node.receive(kThree, 2, append(1, 1, {command(2, 2, "x")}));
  EXPECT_TRUE(node.settle().entries.empty());
  EXPECT_EQ(node->commit_index(), LogIndex{3});
}

TEST(RaftReplication, MessagesAgainstTheRulesAreDropped) {
  const std::vector<AppendRequest> wrong{
      append(0, 0, {command(2, 1, "gap")}),
      append(0, 0, {command(1, 2, "falls"), command(2, 1, "falls")}),
      append(0, 0, {command(1, 9, "of a later term")}),
      append(3, 9, {}),
      append(0, 0, {Entry{.term = Term{1}, .index = LogIndex{1}, .kind = EntryKind::kMembership}}),
  };
  for (const AppendRequest& request : wrong) {
    Solo node(kOne, fresh(kThreeVoters));
    node.receive(kTwo, 3, request);
    const Ready ready = node.settle();
    EXPECT_TRUE(ready.entries.empty());
    EXPECT_TRUE(bodies<AppendAnswer>(ready.send_now).empty());
  }
  Solo leader = settled_leader();
  leader.receive(kTwo, 1, append(1, 1, {command(2, 1, "second leader of the term")}));
  leader.receive(kTwo, 1, accepted(99));
  leader.receive(kFive, 1, accepted(1));
  EXPECT_EQ(leader->role(), Role::kLeader);
  EXPECT_EQ(leader->last_index(), LogIndex{1});
  leader->step({.from = kTwo, .to = kThree, .term = Term{9}, .body = AppendAnswer{}});
  EXPECT_EQ(leader->term(), Term{1}) << "it was for another";
}

TEST(RaftReplication, ALeaderOfThePastIsToldTheTerm) {
  Solo node(kOne, with_log(kThreeVoters, {1}, 5));
  node.receive(kTwo, 4, append(1, 1, {}));
  const Ready ready = node.settle();
  EXPECT_FALSE(only_answer(ready.send_now).accepted);
  EXPECT_EQ(ready.send_now[0].term, Term{5});
  EXPECT_EQ(node->leader(), std::nullopt);
}

// Thesis 10.2.1: a leader's disk is one of the majority, no more.
TEST(RaftReplication, CommitsWithoutItsOwnDiskWhenAMajorityHasIt) {
  Solo node = settled_leader();
  ASSERT_EQ(node->propose("a"), LogIndex{2});
  node.hold();
  node.receive(kTwo, 1, accepted(2));
  EXPECT_EQ(node->commit_index(), LogIndex{1}) << "its own disk is still writing";
  node.receive(kTwo, 1, accepted(2));
  EXPECT_EQ(node->commit_index(), LogIndex{1}) << "the same answer again is no other disk";
  node.receive(kThree, 1, accepted(2));
  EXPECT_EQ(node->commit_index(), LogIndex{2});
  EXPECT_EQ(node.hold().committed.size(), 1U);
}

TEST(RaftReplication, CommitsWithItsOwnDiskAndOneOther) {
  Solo node = settled_leader();
  ASSERT_TRUE(node->propose("a"));
  node.settle();
  EXPECT_EQ(node->commit_index(), LogIndex{1});
  node.receive(kTwo, 1, accepted(2));
  EXPECT_EQ(node->commit_index(), LogIndex{2});
}

// Figure 3.7: an entry of an older term on a majority may still be replaced.
TEST(RaftReplication, EntriesOfOlderTermsAreNotCommittedByCounting) {
  Solo node(kOne, with_log(kThreeVoters, {1, 2}, 3));
  elect(node, kThreeVoters);
  node.settle();
  const std::uint64_t term = node->term().value;
  node.receive(kTwo, term, accepted(2));
  node.receive(kThree, term, accepted(2));
  EXPECT_EQ(node->commit_index(), LogIndex{0});
  node.receive(kTwo, term, accepted(3));
  EXPECT_EQ(node->commit_index(), LogIndex{3}) << "with its own entry those before come along";
}

TEST(RaftReplication, AFollowerProposesNothing) {
  Solo node(kOne, fresh(kThreeVoters));
  node.receive(kTwo, 1, AppendRequest{});
  const auto refused = node->propose("a");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Errc::kUnavailable);
  EXPECT_EQ(refused.error().reason(), Reason::kNotLeader);
  EXPECT_EQ(refused.error().detail(), "not the leader; node 2 is");
}

TEST(RaftReplication, ProposalsBeyondTheBoundWaitUntilSomeAreCommitted) {
  Solo node = settled_leader({.unstored_bytes = 100});
  EXPECT_TRUE(node->propose(std::string(200, 'a'))) << "one that is larger goes alone";
  EXPECT_EQ(node->propose("b").error().code(), Errc::kResourceExhausted);
  node.settle();
  node.receive(kTwo, 1, accepted(2));
  EXPECT_TRUE(node->propose(std::string(60, 'b')));
  EXPECT_TRUE(node->propose(std::string(40, 'c')));
  EXPECT_EQ(node->propose("d").error().code(), Errc::kResourceExhausted);
}

TEST(RaftReplication, OneMessageCarriesWhatGatheredUpToItsBytes) {
  Solo node = settled_leader({.append_bytes = 100});
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(node->propose(std::string(40, 'a')));
  const auto sent = appends_to(node.hold(), kTwo);
  ASSERT_EQ(sent.size(), 3U);
  EXPECT_EQ(sent[0].entries.size(), 2U);
  EXPECT_EQ(sent[1].previous_index, LogIndex{3}) << "the next does not wait for an answer";
  EXPECT_EQ(sent[2].entries.size(), 1U);
}

TEST(RaftReplication, OnlyAWindowOfMessagesIsUnanswered) {
  Solo node = settled_leader({.append_window = 4});
  std::size_t sent = 0;
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(node->propose("a"));
    sent += appends_to(node.hold(), kTwo).size();
  }
  EXPECT_EQ(sent, 4U);
  node.receive(kTwo, 1, accepted(3));  // the first two of them
  const auto more = appends_to(node.hold(), kTwo);
  ASSERT_EQ(more.size(), 1U) << "what gathered meanwhile goes together";
  EXPECT_EQ(more[0].entries.size(), 6U);
}

TEST(RaftReplication, WaitsForTheFirstAnswerBeforeItSendsOn) {
  Solo node(kOne, fresh(kThreeVoters));
  elect(node, kThreeVoters);
  EXPECT_EQ(appends_to(node.hold(), kTwo).size(), 1U);
  ASSERT_TRUE(node->propose("a"));
  EXPECT_TRUE(appends_to(node.hold(), kTwo).empty());
  node.receive(kTwo, 1, accepted(1));
  EXPECT_EQ(appends_to(node.hold(), kTwo).size(), 1U);
}

TEST(RaftReplication, ALostMessageIsNoticedByTheNextHeartbeat) {
  Group group(kThreeVoters);
  group.elect(kOne);
  group.cut_one_way(kOne, kTwo);
  ASSERT_TRUE(group[kOne].propose("lost"));
  group.settle();
  group.heal();
  EXPECT_EQ(group[kTwo].last_index(), LogIndex{1});
  group.tick(kOne);
  EXPECT_EQ(group[kTwo].last_index(), LogIndex{2});
}

TEST(RaftReplication, AnUnreachableFollowerIsProbedAgain) {
  Solo node = settled_leader();
  ASSERT_TRUE(node->propose("a"));
  node.settle();
  node->unreachable(kTwo);
  ASSERT_TRUE(node->propose("b"));
  const auto sent = appends_to(node.settle(), kTwo);
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0].previous_index, LogIndex{1});
  EXPECT_EQ(sent[0].entries.size(), 2U);
}

TEST(RaftReplication, AnOldRefusalIsNotBelieved) {
  Solo node = settled_leader();
  ASSERT_TRUE(node->propose("a"));
  node.settle();
  node.receive(kTwo, 1, accepted(2));
  node.receive(kTwo, 1, AppendAnswer{});  // names index 0, but it has two entries on disk
  ASSERT_TRUE(node->propose("b"));
  const auto sent = appends_to(node.settle(), kTwo);
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0].previous_index, LogIndex{2});
}

// Thesis 3.5: followers a to f of figure 3.6 come to the leader's log, by few questions.
TEST(RaftReplication, TheLogsOfFigure36BecomeTheLeaders) {
  const std::vector<std::uint64_t> leader_log{1, 1, 1, 4, 4, 5, 5, 6, 6, 6};
  const std::vector<std::vector<std::uint64_t>> logs{
      {1, 1, 1, 4, 4, 5, 5, 6, 6},
      {1, 1, 1, 4},
      {1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6},
      {1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7},
      {1, 1, 1, 4, 4, 4, 4},
      {1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3},
  };
  for (const auto& log : logs) {
    Group group({});
    const std::vector<NodeId> voters{kOne, kTwo, kThree};
    group.add(kOne, with_log(voters, leader_log, 8));
    group.add(kTwo, with_log(voters, log, 7));
    group.add(kThree, with_log(voters, {}, 1));
    group.cut(kTwo);
    group.elect(kOne);
    group.heal();
    int questions = 0;
    group.filter = [&](const Message& message) {
      const auto* answer = std::get_if<AppendAnswer>(&message.body);
      questions += message.from == kTwo && answer != nullptr && !answer->accepted;
      return true;
    };
    group.tick(kOne, 3);
    EXPECT_EQ(group[kTwo].last_index(), LogIndex{11});
    EXPECT_EQ(group[kTwo].commit_index(), LogIndex{11});
    EXPECT_EQ(group.applied(kTwo).size(), 10U);
    EXPECT_LE(questions, 2);
  }
}

TEST(RaftReplication, EveryNodeAppliesTheSameInTheSameOrder) {
  Group group(kThreeVoters);
  group.elect(kTwo);
  for (const char* name : {"a", "b", "c"}) ASSERT_TRUE(group[kTwo].propose(name));
  group.tick_all(2);
  for (const NodeId node : kThreeVoters) {
    EXPECT_EQ(group.applied(node), (std::vector<std::string>{"a", "b", "c"}));
  }
}

TEST(RaftReplication, WhatIsCommittedWaitsUntilTheTermIsOnDisk) {
  Solo node(kOne, fresh(kThreeVoters));
  node.receive(kTwo, 1, append(0, 0, {command(1, 1, "a")}, 1));
  EXPECT_TRUE(node.hold().committed.empty());
  node->stored(node.unstored);
  EXPECT_EQ(node.hold().committed.size(), 1U);
}

TEST(RaftReplication, TheStoredCommitIndexIsNeverAheadOfTheStoredLog) {
  Solo node(kOne, fresh(kThreeVoters));
  node.receive(kTwo, 1, append(0, 0, {command(1, 1, "a")}, 1));
  const Ready ready = node.settle();
  EXPECT_EQ(ready.hard->commit, LogIndex{0}) << "a crash may keep this and lose the entry";
  node.receive(kTwo, 1, append(1, 1, {command(2, 1, "b")}, 2));
  EXPECT_EQ(node.settle().hard->commit, LogIndex{1});
}

}  // namespace
}  // namespace kelp::raft
