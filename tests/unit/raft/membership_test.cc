// Members change: thesis 4.1 to 4.3; and the arithmetic of joint sets.
#include "raft/core/membership.h"

#include <gtest/gtest.h>

#include "raft/core/quorum.h"
#include "tests/unit/raft/core_group.h"

namespace kelp::raft {
namespace {

const std::vector<NodeId> kThreeVoters{kOne, kTwo, kThree};

/// A node that joins: it knows nobody yet.
StoredState stranger() {
  return {};
}

TEST(RaftMembership, SurvivesItsEncoding) {
  const Membership sets[] = {
      {},
      {.voters = kThreeVoters, .old_voters = {}, .learners = {}},
      {.voters = {kOne, NodeId{UINT64_MAX}}, .old_voters = {kTwo}, .learners = {kTwo, kFive}},
  };
  for (const Membership& set : sets) EXPECT_EQ(decode_membership(encode_membership(set)), set);
}

// The bytes lie in logs: they never change.
TEST(RaftMembership, HasTheBytesOfVersionOne) {
  const Membership set{.voters = {kOne, NodeId{300}}, .old_voters = {kTwo}, .learners = {kThree}};
  EXPECT_EQ(encode_membership(set), std::string("\x01\x02\x01\xac\x02\x01\x02\x01\x03", 9));
}

TEST(RaftMembership, RefusesEveryTruncationAndWhatIsNoSet) {
  const std::string bytes =
      encode_membership({.voters = kThreeVoters, .old_voters = {kOne}, .learners = {kFour}});
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(decode_membership(bytes.substr(0, size)).error().code(), Errc::kCorruption);
  }
  EXPECT_FALSE(decode_membership(bytes + "x"));
  EXPECT_EQ(decode_membership("\x02").error().code(), Errc::kUnimplemented);
  const Membership wrong[] = {
      {.voters = {kTwo, kOne}, .old_voters = {}, .learners = {}},
      {.voters = {kOne, kOne}, .old_voters = {}, .learners = {}},
      {.voters = {NodeId{0}}, .old_voters = {}, .learners = {}},
      {.voters = {kOne}, .old_voters = {}, .learners = {kOne}},
      {.voters = {}, .old_voters = {kOne}, .learners = {}},
  };
  for (const Membership& set : wrong) {
    EXPECT_FALSE(validate(set));
    EXPECT_EQ(decode_membership(encode_membership(set)).error().code(), Errc::kCorruption);
  }
}

TEST(RaftMembership, HistoryKnowsTheSetOfEveryIndex) {
  const auto set = [](NodeId node) { return Membership{{node}, {}, {}}; };
  MembershipHistory history(LogIndex{3}, set(kOne));
  history.push(LogIndex{5}, set(kTwo));
  history.push(LogIndex{8}, set(kThree));
  EXPECT_EQ(history.at(LogIndex{4}), set(kOne));
  EXPECT_EQ(history.at(LogIndex{5}), set(kTwo));
  EXPECT_EQ(history.current(), set(kThree));
  history.truncate_from(LogIndex{8});
  EXPECT_EQ(history.current(), set(kTwo));
  history.forget_before(LogIndex{6});
  EXPECT_EQ(history.at(LogIndex{6}), set(kTwo));
  history.truncate_from(LogIndex{1});
  EXPECT_EQ(history.current(), set(kTwo)) << "the oldest one stays";
}

// Thesis 4.3: a decision needs a majority of each set.
TEST(RaftQuorum, AJointSetNeedsBothMajorities) {
  const Membership joint{
      .voters = {kThree, kFour, kFive}, .old_voters = kThreeVoters, .learners = {}};
  const auto reached = [&](std::vector<std::uint64_t> at) {
    return quorum_reached(joint, [&](const NodeId node) { return at[node.value - 1]; });
  };
  EXPECT_EQ(reached({9, 9, 9, 0, 0}), 0U);
  EXPECT_EQ(reached({0, 0, 9, 9, 9}), 0U);
  EXPECT_EQ(reached({7, 0, 9, 8, 0}), 7U);
  EXPECT_EQ(reached({5, 5, 5, 5, 5}), 5U);
}

TEST(RaftQuorum, TheMajorityOfEveryNumber) {
  for (std::uint64_t voters = 1; voters <= 7; ++voters) {
    Membership set;
    for (std::uint64_t i = 1; i <= voters; ++i) set.voters.push_back(NodeId{i});
    for (std::uint64_t yes = 0; yes <= voters; ++yes) {
      EXPECT_EQ(is_quorum(set, [&](const NodeId node) { return node.value <= yes; }),
                yes >= voters / 2 + 1);
    }
  }
  EXPECT_FALSE(is_quorum(Membership{}, [](NodeId) { return true; })) << "nobody decides nothing";
}

TEST(RaftChange, GoesThroughTheJointSetAndLeavesItByItself) {
  Group group(kThreeVoters);
  group.elect(kOne);
  group.add(kFour, stranger());
  std::vector<Membership> sets;
  group.filter = [&](const Message& message) {
    const auto* append = std::get_if<AppendRequest>(&message.body);
    if (append == nullptr || message.to != kTwo) return true;
    for (const Entry& entry : append->entries) {
      if (entry.kind == EntryKind::kMembership) sets.push_back(*decode_membership(entry.data));
    }
    return true;
  };
  ASSERT_TRUE(group[kOne].propose_change({kOne, kTwo, kFour}, {kThree}));
  group.tick_all(2);
  const std::vector<NodeId> target{kOne, kTwo, kFour};
  ASSERT_EQ(sets.size(), 2U);
  EXPECT_EQ(sets[0], (Membership{target, kThreeVoters, {kThree}}));
  EXPECT_EQ(sets[1], (Membership{target, {}, {kThree}}));
  for (const NodeId node : {kOne, kTwo, kThree, kFour}) {
    EXPECT_EQ(group[node].membership(), sets[1]);
  }
  EXPECT_EQ(group[kThree].role(), Role::kLearner);
  EXPECT_EQ(group[kFour].role(), Role::kFollower);
}

// Else a snapshot of a node that joined would know no members: it was given none.
TEST(RaftChange, TheLogBeginsWithTheFirstMembers) {
  Solo node(kOne, fresh(kThreeVoters));
  elect(node, kThreeVoters);
  const Ready ready = node.hold();
  ASSERT_EQ(ready.entries.size(), 1U);
  EXPECT_EQ(ready.entries[0].kind, EntryKind::kMembership);
  EXPECT_EQ(decode_membership(ready.entries[0].data), (Membership{kThreeVoters, {}, {}}));
  Solo stranger_node(kFour, stranger());
  stranger_node.receive(kOne, 1, AppendRequest{.commit = LogIndex{1}, .entries = ready.entries});
  EXPECT_EQ(stranger_node->membership().voters, kThreeVoters);
}

TEST(RaftChange, LearnersNeedNoJointSet) {
  Group group(kThreeVoters);
  group.elect(kOne);
  ASSERT_TRUE(group[kOne].propose_change(kThreeVoters, {kFour}));
  EXPECT_EQ(group[kOne].membership(), (Membership{kThreeVoters, {}, {kFour}}));
}

TEST(RaftChange, ANewSetCountsFromItsEntryOn) {
  Solo node(kOne, fresh(kThreeVoters));
  elect(node, kThreeVoters);
  node.settle();
  for (const NodeId other : {kTwo, kThree}) {
    node.receive(other, 1, AppendAnswer{.accepted = true, .match = LogIndex{1}});
  }
  node.settle();
  const auto index = node->propose_change({kOne, kFour, kFive}, {});
  ASSERT_EQ(index, LogIndex{2});
  node.settle();
  for (const NodeId other : {kTwo, kThree}) {
    node.receive(other, 1, AppendAnswer{.accepted = true, .match = *index});
  }
  EXPECT_EQ(node->commit_index(), LogIndex{1}) << "the old majority alone does not decide it";
  node.receive(kFour, 1, AppendAnswer{.accepted = true, .match = *index});
  EXPECT_EQ(node->commit_index(), *index);
  EXPECT_EQ(node->membership(), (Membership{{kOne, kFour, kFive}, {}, {}}));
}

TEST(RaftChange, OneAtATime) {
  Solo node(kOne, fresh(kThreeVoters));
  elect(node, kThreeVoters);
  node.settle();
  node.receive(kTwo, 1, AppendAnswer{.accepted = true, .match = LogIndex{1}});
  node.settle();
  ASSERT_TRUE(node->propose_change({kOne, kTwo}, {}));
  EXPECT_EQ(node->propose_change({kOne}, {}).error().code(), Errc::kConflict);
  EXPECT_EQ(node->propose_change({}, {kOne}).error().code(), Errc::kInvalidArgument);
  EXPECT_EQ(node->propose_change({kOne}, {kOne}).error().code(), Errc::kInvalidArgument);
  EXPECT_EQ(node->propose_change({kOne, kOne}, {}).error().code(), Errc::kInvalidArgument);
}

// Thesis 4.1: who replaces its log replaces its members.
TEST(RaftChange, ASetThatIsCutOffIsTakenBack) {
  Solo node(kOne, fresh(kThreeVoters));
  const Membership joint{{kOne, kFour}, kThreeVoters, {}};
  AppendRequest request{.entries = {{.term = Term{1},
                                     .index = LogIndex{1},
                                     .kind = EntryKind::kMembership,
                                     .data = encode_membership(joint)}}};
  node.receive(kTwo, 1, request);
  EXPECT_EQ(node->membership(), joint);
  request.entries = {command(1, 2, "x")};
  node.receive(kThree, 2, request);
  EXPECT_EQ(node->membership().voters, kThreeVoters);
}

TEST(RaftChange, AGroupGrowsFromOneToFiveAndShrinksAgain) {
  Group group({kOne});
  group.elect(kOne);
  for (const char* name : {"a", "b"}) ASSERT_TRUE(group[kOne].propose(name));
  std::vector<NodeId> voters{kOne};
  for (const NodeId node : {kTwo, kThree, kFour, kFive}) {
    group.add(node, stranger());
    ASSERT_TRUE(group[kOne].propose_change(voters, {node}));
    group.tick_all(2);
    voters.push_back(node);
    ASSERT_TRUE(group[kOne].propose_change(voters, {}));
    group.tick_all(2);
    EXPECT_EQ(group.applied(node), (std::vector<std::string>{"a", "b"}));
  }
  ASSERT_TRUE(group[kOne].propose_change({kOne}, {}));
  group.tick_all(2);
  EXPECT_EQ(group[kOne].membership(), (Membership{{kOne}, {}, {}}));
  EXPECT_EQ(group[kOne].progress().size(), 1U);
}

// Thesis 4.2.2: a leader that is not a member leads until that is decided, and then no longer.
TEST(RaftChange, ALeaderThatIsRemovedHandsOver) {
  Group group(kThreeVoters);
  group.elect(kOne);
  ASSERT_TRUE(group[kOne].propose_change({kTwo, kThree}, {}));
  group.settle();
  EXPECT_EQ(group[kOne].role(), Role::kLearner);
  ASSERT_EQ(group.leaders().size(), 1U) << "at once, without an election timeout";
  EXPECT_NE(group.leaders()[0], kOne);
  ASSERT_TRUE(group[group.leaders()[0]].propose("after"));
  group.tick_all(1);
  EXPECT_EQ(group.applied(kTwo).back(), "after");
}

// Thesis 4.2.2: it is the only one whose log can win, so it stands though its own vote does not
// count.
TEST(RaftChange, WhoIsRemovedByAnUndecidedEntryMayStillBeElected) {
  Group group({kOne});
  group.add(kTwo, stranger());
  group.elect(kOne);
  ASSERT_TRUE(group[kOne].propose_change({kOne}, {kTwo}));
  group.settle();
  group.filter = [&](const Message& message) {  // the last entry does not reach the new voter
    const auto* append = std::get_if<AppendRequest>(&message.body);
    if (append == nullptr || append->entries.empty()) return true;
    const Entry& last = append->entries.back();
    return last.kind != EntryKind::kMembership || !decode_membership(last.data)->old_voters.empty();
  };
  ASSERT_TRUE(group[kOne].propose_change({kTwo}, {}));
  group.settle();
  group.cut(kOne);
  group.tick(kOne, 10);
  ASSERT_TRUE(group.leaders().empty());
  group.heal();
  group.filter = nullptr;
  group.tick_all(60);
  EXPECT_EQ(group.leaders(), std::vector{kTwo});
  EXPECT_EQ(group[kTwo].membership(), (Membership{{kTwo}, {}, {}}));
  EXPECT_EQ(group[kOne].role(), Role::kLearner);
}

// Thesis 4.2.3.
TEST(RaftChange, ARemovedNodeDoesNotDisturb) {
  Group group(kThreeVoters);
  group.elect(kOne);
  group.cut(kThree);
  ASSERT_TRUE(group[kOne].propose_change({kOne, kTwo}, {}));
  group.tick_all(30);
  const Term term = group[kOne].term();
  group.heal();
  group.tick_all(100);
  EXPECT_EQ(group.leaders(), std::vector{kOne});
  EXPECT_EQ(group[kOne].term(), term);
}

// Thesis 3.10.
TEST(RaftTransfer, GivesLeadershipToACaughtUpVoterAtOnce) {
  Group group(kThreeVoters);
  group.elect(kOne);
  ASSERT_TRUE(group[kOne].transfer_leadership(kThree));
  group.settle();
  EXPECT_EQ(group.leaders(), std::vector{kThree});
}

TEST(RaftTransfer, WaitsUntilTheSuccessorHasEverythingAndTakesNoCommandsMeanwhile) {
  Group group(kThreeVoters);
  group.elect(kOne);
  group.cut(kThree);
  ASSERT_TRUE(group[kOne].propose("a"));
  group.settle();
  ASSERT_TRUE(group[kOne].transfer_leadership(kThree));
  group.settle();
  EXPECT_EQ(group[kOne].propose("b").error().code(), Errc::kUnavailable);
  EXPECT_EQ(group[kOne].role(), Role::kLeader);
  group.heal();
  group.tick(kOne);
  EXPECT_EQ(group.leaders(), std::vector{kThree});
}

TEST(RaftTransfer, IsGivenUpAfterAnElectionTimeout) {
  Group group(kThreeVoters);
  group.elect(kOne);
  group.cut(kThree);
  ASSERT_TRUE(group[kOne].propose("a"));
  group.settle();
  ASSERT_TRUE(group[kOne].transfer_leadership(kThree));
  group.tick(kOne, 9);
  EXPECT_FALSE(group[kOne].propose("b"));
  group.tick(kOne, 1);
  EXPECT_TRUE(group[kOne].propose("b"));
}

TEST(RaftTransfer, ChoosesTheMostAdvancedVoterAndRefusesOthers) {
  Group group(kThreeVoters);
  group.elect(kOne);
  group.cut(kTwo);
  ASSERT_TRUE(group[kOne].propose("a"));
  group.settle();
  EXPECT_EQ(group[kOne].transfer_leadership(kFour).error().code(), Errc::kInvalidArgument);
  EXPECT_EQ(group[kTwo].transfer_leadership(kOne).error().code(), Errc::kUnavailable);
  EXPECT_TRUE(group[kOne].transfer_leadership(kOne));
  ASSERT_TRUE(group[kOne].transfer_leadership(std::nullopt));
  group.settle();
  EXPECT_EQ(group.leaders(), std::vector{kThree});
  Group alone({kOne});
  alone.elect(kOne);
  EXPECT_EQ(alone[kOne].transfer_leadership(std::nullopt).error().code(), Errc::kInvalidArgument);
}

}  // namespace
}  // namespace kelp::raft
