// How long a leader may be sure that nobody else leads: thesis 6.4.1.
#include <gtest/gtest.h>

#include "raft/core/membership.h"
#include "raft/node/lead_lease.h"
#include "tests/unit/raft/core_group.h"

namespace kelp::raft {
namespace {

using namespace std::chrono_literals;

const std::vector<NodeId> kThreeVoters{kOne, kTwo, kThree};
const MonoTime kStart{1h};

LeadRounds rounds(std::uint64_t begun, std::uint64_t confirmed, std::uint64_t term = 1) {
  return {.term = Term{term}, .begun = begun, .confirmed = confirmed};
}

/// Ten ticks of 100 ms: it lasts 700 ms.
LeadLease usual() {
  return {100ms, 10};
}

TEST(LeadLease, RunsFromWhenTheRoundBeganThatAMajorityAnswered) {
  LeadLease lease = usual();
  EXPECT_FALSE(lease.holds(rounds(0, 0), kStart));
  lease.note(rounds(1, 0), kStart);
  EXPECT_FALSE(lease.holds(rounds(1, 0), kStart)) << "nobody answered";
  EXPECT_TRUE(lease.holds(rounds(1, 1), kStart + 699ms));
  EXPECT_FALSE(lease.holds(rounds(1, 1), kStart + 700ms));
  lease.note(rounds(2, 1), kStart + 400ms);
  EXPECT_FALSE(lease.holds(rounds(2, 1), kStart + 700ms)) << "the new round is not answered";
  EXPECT_TRUE(lease.holds(rounds(2, 2), kStart + 1099ms));
  EXPECT_FALSE(lease.holds(rounds(2, 2), kStart + 1100ms));
}

TEST(LeadLease, IsOfOneTerm) {
  LeadLease lease = usual();
  lease.note(rounds(5, 4), kStart);
  EXPECT_FALSE(lease.holds(rounds(5, 5, 2), kStart)) << "not of this one";
  EXPECT_FALSE(lease.holds(std::nullopt, kStart)) << "it does not lead";
  lease.note(std::nullopt, kStart + 1ms);
  EXPECT_FALSE(lease.holds(rounds(5, 5), kStart + 1ms)) << "nor did it all the time";
}

TEST(LeadLease, OfManyRoundsOnlySomeTimesAreKeptAndNoneTooLate) {
  LeadLease lease = usual();
  for (std::uint64_t i = 1; i <= 1000; ++i) lease.note(rounds(i, 0), kStart + i * 1ms);
  for (const std::uint64_t confirmed : {400U, 700U, 999U}) {
    const MonoTime begun = kStart + confirmed * 1ms;
    EXPECT_FALSE(lease.holds(rounds(1000, confirmed), begun + 700ms));
    EXPECT_TRUE(lease.holds(rounds(1000, confirmed), begun + 670ms));
  }
}

// Else a leader that slept would take an answer of before for a new one.
TEST(LeadLease, ARoundBeganWhenItWasSeenFirst) {
  LeadLease lease = usual();
  lease.note(rounds(1, 0), kStart);
  lease.note(rounds(2, 0), kStart + 1ms);  // close to the one before: its time is not kept
  lease.note(rounds(2, 2), kStart + 600ms);
  EXPECT_TRUE(lease.holds(rounds(2, 2), kStart + 699ms));
  EXPECT_FALSE(lease.holds(rounds(2, 2), kStart + 700ms));
  lease.note(rounds(2, 2), kStart + 5s);
  EXPECT_FALSE(lease.holds(rounds(2, 2), kStart + 5s));
}

TEST(LeadLease, OfAFewTicksIsNone) {
  LeadLease lease(100ms, 2);
  lease.note(rounds(1, 1), kStart);
  EXPECT_FALSE(lease.holds(rounds(1, 1), kStart));
}

VoteRequest vote_request(bool transfer = false) {
  return {.last_index = LogIndex{5}, .last_term = Term{3}, .transfer = transfer};
}

TEST(RaftLease, EachBeatBeginsARoundAndAMajorityConfirmsIt) {
  Solo node(kOne, fresh(kThreeVoters));
  elect(node, kThreeVoters);
  node.settle();
  const std::uint64_t term = node->term().value;
  EXPECT_EQ(node->lead_rounds()->begun, 0U);
  node.tick(2);
  node.settle();
  EXPECT_EQ(node->lead_rounds()->begun, 2U);
  EXPECT_EQ(node->lead_rounds()->confirmed, 0U);
  node.receive(kTwo, term, AppendAnswer{.accepted = true, .read_sequence = 1});
  EXPECT_EQ(node->lead_rounds()->confirmed, 1U);
  node.receive(kThree, term + 1, AppendAnswer{});
  EXPECT_FALSE(node->lead_rounds().has_value());
}

// Its lease counts on the follower, whatever others tell that one of newer terms.
TEST(RaftLease, ANewerTermThatIsHeardOfDoesNotFreeAFollower) {
  Solo node(kOne, fresh(kThreeVoters));
  node.receive(kTwo, 3, AppendRequest{});
  node.settle();
  node.receive(kThree, 9, VoteAnswer{.pre = true});  // an old question of its own is refused
  EXPECT_EQ(node->term(), Term{9});
  node.receive(kThree, 9, vote_request());
  for (const VoteAnswer& answer : bodies<VoteAnswer>(node.settle().send_now)) {
    EXPECT_FALSE(answer.granted);
  }
  node.tick(10);
  node.receive(kThree, 10, vote_request());
  EXPECT_EQ(node->term(), Term{10}) << "the lease has run out";
}

TEST(RaftLease, WhoMayHaveHeardALeaderBeforeItsRestartWaitsBeforeItVotes) {
  for (const bool heard : {false, true}) {
    Solo node(kOne, with_log(kThreeVoters, {1}, 3), {.heard_before_start = heard});
    node.receive(kThree, 4, vote_request());
    EXPECT_EQ(bodies<VoteAnswer>(node.settle().send_now).size(), heard ? 0U : 1U);
    node.tick(10);
    node.receive(kThree, 5, vote_request());
    EXPECT_EQ(bodies<VoteAnswer>(node.settle().send_now).size(), 1U);
  }
}

// The leader that makes it so counts on it until then.
TEST(RaftLease, AVoterThatIsToBeAloneWaitsUntilThatIsDecided) {
  Solo node(kTwo, fresh({kOne, kTwo}));
  Entry entry{.term = Term{1}, .index = LogIndex{1}, .kind = EntryKind::kMembership};
  entry.data = encode_membership({.voters = {kTwo}, .old_voters = {}, .learners = {}});
  node.receive(kOne, 1, AppendRequest{.entries = {entry}});
  node.settle();
  node.tick(9);
  EXPECT_EQ(node->role(), Role::kFollower);
  node.receive(kOne, 1,
               AppendRequest{
                   .previous_index = LogIndex{1}, .previous_term = Term{1}, .commit = LogIndex{1}});
  node.settle();
  node.tick(1);
  node.settle();
  EXPECT_EQ(node->role(), Role::kLeader);
}

TEST(RaftLease, IsOverOnceAnotherWasAskedToStand) {
  Group group(kThreeVoters);
  group.elect(kOne);
  group.tick(kOne);
  EXPECT_GT(group[kOne].lead_rounds()->confirmed, 0U);
  group.filter = [](const Message& message) {
    return !std::holds_alternative<TimeoutNow>(message.body);
  };
  ASSERT_TRUE(group[kOne].transfer_leadership(kTwo));
  group.settle();
  group.tick(kOne, 15);
  EXPECT_EQ(group[kOne].role(), Role::kLeader) << "given up: it leads on";
  EXPECT_FALSE(group[kOne].lead_rounds().has_value()) << "the request may still arrive";
}

}  // namespace
}  // namespace kelp::raft
