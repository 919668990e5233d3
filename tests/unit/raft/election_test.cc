// Elections, sentence by sentence: thesis 3.3, 3.4, 3.6, 6.2, 9.6.
#include <gtest/gtest.h>

#include "tests/unit/raft/core_group.h"

namespace kelp::raft {
namespace {

const std::vector<NodeId> kThreeVoters{kOne, kTwo, kThree};
const std::vector<NodeId> kFiveVoters{kOne, kTwo, kThree, kFour, kFive};

VoteRequest vote_request(std::uint64_t last_index, std::uint64_t last_term) {
  return {.last_index = LogIndex{last_index}, .last_term = Term{last_term}};
}

/// The only VoteAnswer among `messages`.
VoteAnswer only_answer(const std::vector<Message>& messages) {
  const auto answers = bodies<VoteAnswer>(messages);
  EXPECT_EQ(answers.size(), 1U);
  return answers.empty() ? VoteAnswer{} : answers.front();
}

TEST(RaftElection, StartsAsFollowerInTheStoredTerm) {
  Solo node(kOne, with_log(kThreeVoters, {1, 2}, 5));
  EXPECT_EQ(node->role(), Role::kFollower);
  EXPECT_EQ(node->term(), Term{5});
  EXPECT_EQ(node->leader(), std::nullopt);
  EXPECT_FALSE(node->has_ready());
}

TEST(RaftElection, AsksBeforeItStandsAndAskingChangesNoTerm) {
  Solo node(kOne, with_log(kThreeVoters, {1, 3}, 5));
  node.tick(20);
  const Ready ready = node.settle();
  EXPECT_EQ(node->role(), Role::kPreCandidate);
  EXPECT_EQ(node->term(), Term{5});
  EXPECT_FALSE(ready.hard.has_value());
  const auto requests = bodies<VoteRequest>(ready.send_now);
  ASSERT_EQ(requests.size(), 2U);
  EXPECT_EQ(requests[0],
            (VoteRequest{.last_index = LogIndex{2}, .last_term = Term{3}, .pre = true}));
  EXPECT_EQ(ready.send_now[0].term, Term{5});
}

TEST(RaftElection, WaitsBetweenOneAndTwoElectionTimeouts) {
  std::set<std::uint32_t> waits;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    Solo node(kOne, fresh(kThreeVoters), {.election_ticks = 10, .seed = seed});
    std::uint32_t ticks = 0;
    for (; node->role() == Role::kFollower; ++ticks) node->tick();
    waits.insert(ticks);
  }
  EXPECT_EQ(*waits.begin(), 10U);
  EXPECT_EQ(*waits.rbegin(), 19U);
  EXPECT_EQ(waits.size(), 10U) << "every value comes";
}

TEST(RaftElection, AMajorityOfYesTurnsTheQuestionIntoACandidacyOnDisk) {
  Solo node(kOne, with_log(kThreeVoters, {1}, 5));
  node.tick(20);
  node.settle();
  node.receive(kTwo, 4, VoteAnswer{.pre = true, .granted = true});  // may be in an older term
  EXPECT_EQ(node->role(), Role::kCandidate);
  EXPECT_EQ(node->term(), Term{6});
  const Ready ready = node.hold();
  EXPECT_EQ(ready.hard, (HardState{.term = Term{6}, .vote = kOne}));
  EXPECT_TRUE(ready.must_sync);
  EXPECT_TRUE(ready.send_now.empty()) << "a candidacy claims a vote that is on disk";
  EXPECT_EQ(bodies<VoteRequest>(ready.send_when_stored).size(), 2U);
}

TEST(RaftElection, ItsOwnVoteCountsOnlyOnceItIsOnDisk) {
  Solo node(kOne, fresh(kThreeVoters));
  node.tick(20);
  node.settle();
  node.receive(kTwo, 0, VoteAnswer{.pre = true, .granted = true});
  node.hold();
  node.receive(kTwo, 1, VoteAnswer{.granted = true});
  EXPECT_EQ(node->role(), Role::kCandidate);
  node->stored(node.unstored);
  EXPECT_EQ(node->role(), Role::kLeader);
}

TEST(RaftElection, EvenAMajorityOfOthersWaitsForItsOwnVote) {
  Solo node(kOne, fresh(kFiveVoters));
  node.tick(20);
  node.settle();
  for (const NodeId other : {kTwo, kThree}) {
    node.receive(other, 0, VoteAnswer{.pre = true, .granted = true});
  }
  node.hold();
  for (const NodeId other : {kTwo, kThree, kFour}) {
    node.receive(other, 1, VoteAnswer{.granted = true});
  }
  EXPECT_EQ(node->role(), Role::kCandidate);
  node->stored(node.unstored);
  EXPECT_EQ(node->role(), Role::kLeader);
}

// Thesis 3.4: a candidate wins if it receives votes from a majority.
TEST(RaftElection, OneVoterTwiceIsNoMajority) {
  Solo node(kOne, fresh(kFiveVoters));
  node.tick(20);
  node.settle();
  for (int i = 0; i < 3; ++i) node.receive(kTwo, 0, VoteAnswer{.pre = true, .granted = true});
  EXPECT_EQ(node->role(), Role::kPreCandidate);
  node.receive(kThree, 0, VoteAnswer{.pre = true, .granted = true});
  node.settle();
  ASSERT_EQ(node->role(), Role::kCandidate);
  for (int i = 0; i < 3; ++i) node.receive(kTwo, 1, VoteAnswer{.granted = true});
  EXPECT_EQ(node->role(), Role::kCandidate);
}

TEST(RaftElection, VotesOfStrangersDoNotCount) {
  Solo node(kOne, fresh(kThreeVoters));
  node.tick(20);
  node.settle();
  node.receive(kFour, 0, VoteAnswer{.pre = true, .granted = true});
  node.receive(kFive, 0, VoteAnswer{.pre = true, .granted = true});
  EXPECT_EQ(node->role(), Role::kPreCandidate);
}

TEST(RaftElection, AMajorityOfNoEndsTheCandidacy) {
  Solo node(kOne, fresh(kThreeVoters));
  node.tick(20);
  node.settle();
  node.receive(kTwo, 0, VoteAnswer{.pre = true, .granted = false});
  node.receive(kThree, 0, VoteAnswer{.pre = true, .granted = false});
  EXPECT_EQ(node->role(), Role::kFollower);
}

/// A node that asks whether it would be elected, with a log of one entry of term 1.
Solo asking(NodeId self) {
  Solo node(self, with_log(kThreeVoters, {1}, 1));
  while (node->role() != Role::kPreCandidate) node.tick(1);
  node.settle();
  return node;
}

// Else both get what they ask for, stand in the same term and split the votes.
TEST(RaftElection, OfTwoThatAskAtOnceOneGivesWay) {
  VoteRequest request = vote_request(1, 1);
  request.pre = true;
  Solo lower = asking(kOne);
  lower.receive(kTwo, 1, request);
  EXPECT_FALSE(only_answer(lower.settle().send_now).granted);
  EXPECT_EQ(lower->role(), Role::kPreCandidate);
  Solo higher = asking(kTwo);
  higher.receive(kOne, 1, request);
  EXPECT_TRUE(only_answer(higher.settle().send_now).granted);
  EXPECT_EQ(higher->role(), Role::kFollower);
  request.last_index = LogIndex{2};
  lower.receive(kTwo, 1, request);
  EXPECT_TRUE(only_answer(lower.settle().send_now).granted) << "its log is longer";
  EXPECT_EQ(lower->role(), Role::kFollower);
}

TEST(RaftElection, WhoGivesAnotherItsWordWaitsAMomentOnceBeforeItAsksItself) {
  VoteRequest request = vote_request(0, 0);
  request.pre = true;
  Solo node(kOne, fresh(kThreeVoters), {.election_ticks = 10, .seed = 3});
  Solo same(kOne, fresh(kThreeVoters), {.election_ticks = 10, .seed = 3});
  std::uint32_t timeout = 0;
  for (; same->role() == Role::kFollower; ++timeout) same.tick(1);
  node.tick(timeout - 1);
  for (int i = 0; i < 3; ++i) {
    node.receive(kTwo, 0, request);
    if (i < 2) node.tick(1);
    EXPECT_EQ(node->role(), Role::kFollower);
  }
  node.tick(1);
  EXPECT_EQ(node->role(), Role::kPreCandidate) << "others cannot hold it back";
}

TEST(RaftElection, AnAnswerToAQuestionIsNoVote) {
  Solo node(kOne, fresh(kThreeVoters));
  node.tick(20);
  node.settle();
  node.receive(kTwo, 0, VoteAnswer{.pre = true, .granted = true});
  node.settle();
  node.receive(kTwo, 1, VoteAnswer{.pre = true, .granted = true});
  EXPECT_EQ(node->role(), Role::kCandidate);
}

TEST(RaftElection, AVoteOfAnOlderTermDoesNotCount) {
  Solo node(kOne, with_log(kThreeVoters, {}, 6));
  node.tick(20);
  node.settle();
  node.receive(kTwo, 6, VoteAnswer{.pre = true, .granted = true});
  node.settle();
  node.receive(kTwo, 6, VoteAnswer{.granted = true});
  EXPECT_EQ(node->role(), Role::kCandidate);
  EXPECT_EQ(node->term(), Term{7});
}

// Figure 3.1, RequestVote: one vote per term, and it is on disk before it is on the wire.
TEST(RaftElection, VotesOnceInATermAndSpeaksAfterTheDisk) {
  Solo node(kOne, fresh(kThreeVoters));
  node.receive(kTwo, 7, vote_request(0, 0));
  Ready ready = node.hold();
  EXPECT_TRUE(ready.send_now.empty());
  EXPECT_TRUE(only_answer(ready.send_when_stored).granted);
  EXPECT_EQ(ready.hard, (HardState{.term = Term{7}, .vote = kTwo}));
  EXPECT_TRUE(ready.must_sync);
  node.receive(kThree, 7, vote_request(9, 6));
  EXPECT_FALSE(only_answer(node.hold().send_when_stored).granted);
  node->stored(node.unstored);
  node.receive(kTwo, 7, vote_request(0, 0));
  ready = node.hold();
  EXPECT_TRUE(only_answer(ready.send_now).granted) << "the same again; it is on disk";
  EXPECT_FALSE(ready.must_sync);
}

TEST(RaftElection, AVoteSurvivesARestart) {
  StoredState stored = fresh(kThreeVoters);
  stored.hard = {.term = Term{7}, .vote = kTwo};
  Solo node(kOne, stored);
  node.receive(kThree, 7, vote_request(9, 6));
  EXPECT_FALSE(only_answer(node.settle().send_now).granted);
  node.receive(kTwo, 7, vote_request(9, 6));
  EXPECT_TRUE(only_answer(node.settle().send_now).granted);
}

// Thesis 3.6.1: a voter denies its vote if its own log is more up to date.
TEST(RaftElection, VotesOnlyForALogAtLeastAsCompleteAsItsOwn) {
  struct Case {
    VoteRequest request;
    bool granted;
  };
  const Case cases[] = {{vote_request(3, 2), true},  {vote_request(2, 2), false},
                        {vote_request(9, 1), false}, {vote_request(1, 3), true},
                        {vote_request(4, 2), true},  {vote_request(0, 0), false}};
  for (const bool pre : {true, false}) {
    for (Case c : cases) {
      Solo node(kOne, with_log(kThreeVoters, {1, 1, 2}, 3));
      c.request.pre = pre;
      node.receive(kTwo, 4, c.request);
      EXPECT_EQ(only_answer(node.settle().send_now).granted, c.granted)
          << c.request.last_index.value << " of term " << c.request.last_term.value << pre;
      EXPECT_EQ(node->term(), pre ? Term{3} : Term{4});
    }
  }
}

TEST(RaftElection, RefusesAndTellsItsTermToACandidateOfThePast) {
  Solo node(kOne, with_log(kThreeVoters, {}, 8));
  for (const bool pre : {true, false}) {
    VoteRequest request = vote_request(99, 7);
    request.pre = pre;
    node.receive(kTwo, 7, request);
    const Ready ready = node.settle();
    ASSERT_EQ(ready.send_now.size(), 1U);
    EXPECT_EQ(ready.send_now[0].term, Term{8});
    EXPECT_FALSE(only_answer(ready.send_now).granted);
  }
}

// Figure 3.1, all servers: a higher term turns anybody into a follower.
TEST(RaftElection, AHigherTermEndsALeadership) {
  Solo node(kOne, fresh(kThreeVoters));
  elect(node, kThreeVoters);
  node.settle();
  const std::uint64_t term = node->term().value;
  node.receive(kTwo, term + 3, AppendAnswer{});
  EXPECT_EQ(node->role(), Role::kFollower);
  EXPECT_EQ(node->term(), Term{term + 3});
  EXPECT_EQ(node.settle().hard->term, Term{term + 3});
}

TEST(RaftElection, ACandidateFollowsTheLeaderOfItsTerm) {
  Solo node(kOne, fresh(kThreeVoters));
  node.tick(20);
  node.settle();
  node.receive(kTwo, 0, VoteAnswer{.pre = true, .granted = true});
  node.settle();
  ASSERT_EQ(node->role(), Role::kCandidate);
  node.receive(kThree, 1, AppendRequest{});
  EXPECT_EQ(node->role(), Role::kFollower);
  EXPECT_EQ(node->leader(), kThree);
}

// Thesis 6.2 and 4.2.3: who hears a leader helps nobody else, and changes no term by it.
TEST(RaftElection, WhoHearsALeaderRefusesVotesForAnElectionTimeout) {
  Solo node(kOne, fresh(kThreeVoters));
  node.receive(kTwo, 3, AppendRequest{});
  node.settle();
  node.tick(9);
  node.receive(kThree, 9, vote_request(5, 3));
  EXPECT_TRUE(node.settle().send_now.empty());
  EXPECT_EQ(node->term(), Term{3});
  VoteRequest pre = vote_request(5, 3);
  pre.pre = true;
  node.receive(kThree, 3, pre);
  EXPECT_FALSE(only_answer(node.settle().send_now).granted);
  node.tick(1);
  if (node->role() == Role::kFollower) {
    node.receive(kThree, 3, pre);
    EXPECT_TRUE(only_answer(node.settle().send_now).granted) << "the lease has run out";
  }
}

TEST(RaftElection, ATransferIsStrongerThanTheLease) {
  Solo node(kOne, fresh(kThreeVoters));
  node.receive(kTwo, 3, AppendRequest{});
  node.settle();
  VoteRequest request = vote_request(5, 3);
  request.transfer = true;
  node.receive(kThree, 4, request);
  EXPECT_TRUE(only_answer(node.settle().send_now).granted);
  EXPECT_EQ(node->term(), Term{4});
}

TEST(RaftElection, ALeaderWithoutAMajorityStepsDownWithinAnElectionTimeout) {
  Solo node(kOne, fresh(kFiveVoters));
  elect(node, kFiveVoters);
  node.settle();
  const std::uint64_t term = node->term().value;
  for (int i = 0; i < 30; ++i) {
    for (const NodeId other : {kTwo, kThree}) node.receive(other, term, AppendAnswer{});
    node.tick(1);
    node.settle();
  }
  EXPECT_EQ(node->role(), Role::kLeader);
  node.tick(8);
  EXPECT_EQ(node->role(), Role::kLeader);
  node.receive(kTwo, term, AppendAnswer{});
  node.tick(1);
  EXPECT_EQ(node->role(), Role::kFollower) << "one other of five is too few";
  EXPECT_EQ(node->term(), Term{term});
  EXPECT_EQ(node->leader(), std::nullopt);
}

TEST(RaftElection, AVoterAloneLeadsAfterOneTick) {
  Solo node(kOne, fresh({kOne}));
  node.tick(1);
  node.settle();
  EXPECT_EQ(node->role(), Role::kLeader);
  EXPECT_EQ(node->commit_index(), LogIndex{1});
}

TEST(RaftElection, AVoterAloneWaitsForItsDiskInOneTerm) {
  Solo node(kOne, fresh({kOne}));
  node.tick(1);
  node.hold();
  node.tick(9);
  EXPECT_EQ(node->term(), Term{1});
  node->stored(node.unstored);
  EXPECT_EQ(node->role(), Role::kLeader);
}

TEST(RaftElection, WhoDoesNotVoteNeverStands) {
  StoredState stored = fresh(kThreeVoters);
  stored.snapshot.membership.learners = {kFour};
  for (const NodeId self : {kFour, kFive}) {
    Solo node(self, stored);
    EXPECT_EQ(node->role(), Role::kLearner);
    node.tick(100);
    EXPECT_FALSE(node->has_ready());
    node.receive(kTwo, 0, TimeoutNow{});
    EXPECT_EQ(node->role(), Role::kLearner);
    // It may be a voter by entries that it has not seen: it votes when asked (thesis 4.2.2).
    node.receive(kTwo, 7, vote_request(0, 0));
    EXPECT_TRUE(only_answer(node.settle().send_now).granted);
  }
}

TEST(RaftElection, ThreeNodesElectOneLeaderWhomAllFollow) {
  Group group(kThreeVoters);
  group.tick_all(40);
  ASSERT_EQ(group.leaders().size(), 1U);
  for (const NodeId node : kThreeVoters) EXPECT_EQ(group[node].leader(), group.leaders()[0]);
}

// Thesis 9.6: a node that was cut off does not disturb the others when it returns.
TEST(RaftElection, AReturningNodeDoesNotDisturbTheLeader) {
  Group group(kThreeVoters);
  group.elect(kOne);
  const Term term = group[kOne].term();
  group.cut(kThree);
  group.tick_all(200);
  EXPECT_EQ(group[kThree].term(), term) << "asking raises no term";
  group.heal();
  group.tick_all(50);
  EXPECT_EQ(group.leaders(), std::vector{kOne});
  EXPECT_EQ(group[kOne].term(), term);
  EXPECT_EQ(group[kThree].leader(), kOne);
}

// Thesis 6.2: hears nobody, but is heard.
TEST(RaftElection, ANodeThatHearsNobodyDoesNotDisturbTheLeader) {
  Group group(kThreeVoters);
  group.elect(kOne);
  const Term term = group[kOne].term();
  group.cut_one_way(kOne, kThree);
  group.cut_one_way(kTwo, kThree);
  group.tick_all(200);
  EXPECT_EQ(group[kOne].role(), Role::kLeader);
  EXPECT_EQ(group[kOne].term(), term);
}

TEST(RaftElection, ANodeOfAHigherTermComesBackIntoTheGroup) {
  Group group(kThreeVoters);
  group.elect(kOne);
  group.add(kThree, with_log(kThreeVoters, {}, 50));  // stood and lost long ago
  group.tick_all(60);
  ASSERT_EQ(group.leaders().size(), 1U);
  EXPECT_GT(group[group.leaders()[0]].term(), Term{50});
  EXPECT_EQ(group[kThree].leader(), group.leaders()[0]);
}

}  // namespace
}  // namespace kelp::raft
