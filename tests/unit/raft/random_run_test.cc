// Thousands of random worlds, and the proof that they find bugs.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>

#include "raft/core/invariants.h"
#include "tests/unit/raft/sim_group.h"

namespace kelp::raft {
namespace {

constexpr std::uint32_t kSteps = 3000;

std::uint64_t setting(const char* name, std::uint64_t usual) {
  const char* const text = std::getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : usual;
}

TEST(RaftRandomRun, EveryPromiseHoldsUnderEveryFault) {
  const std::uint64_t first = setting("KELP_SEED", 1);
  const std::uint64_t rounds = setting("KELP_ROUNDS", 5000);
  Counts all;
  for (std::uint64_t seed = first; seed < first + rounds; ++seed) {
    SimGroup group(seed, Sabotage::kNone);
    group.counts = all;
    const std::string violation = group.run(kSteps);
    all = group.counts;
    ASSERT_EQ(violation, "") << "KELP_ROUNDS=1 KELP_SEED=" << seed;
  }
  if (rounds < 1000) return;
  // The worlds are not empty ones.
  EXPECT_GT(all.leaderships, rounds);
  EXPECT_GT(all.decided, rounds * 10);
  EXPECT_GT(all.reads, rounds);
  EXPECT_GT(all.crashes, rounds / 2);
  EXPECT_GT(all.snapshots, rounds / 20);
  EXPECT_GT(all.changes, rounds / 20);
  EXPECT_GT(all.transfers, rounds / 20);
  EXPECT_GT(all.cut_entries, rounds / 50);
  std::printf(
      "%llu steps, %llu leaderships, %llu decided, %llu reads, %llu crashes, "
      "%llu snapshots, %llu changes, %llu transfers, %llu cuts\n",
      (unsigned long long)all.steps, (unsigned long long)all.leaderships,
      (unsigned long long)all.decided, (unsigned long long)all.reads,
      (unsigned long long)all.crashes, (unsigned long long)all.snapshots,
      (unsigned long long)all.changes, (unsigned long long)all.transfers,
      (unsigned long long)all.cut_entries);
}

/// A message of small random numbers: most are against the rules, many nearly fit.
Message noise(Rng& rng, NodeId to) {
  const auto index = [&] { return LogIndex{rng.below(8)}; };
  const auto term = [&] { return Term{rng.below(6)}; };
  Message message{.from = NodeId{rng.below(6)}, .to = to, .term = term(), .body = TimeoutNow{}};
  switch (rng.below(6)) {
    case 0:
      message.body = VoteRequest{index(), term(), rng.chance(500'000), rng.chance(500'000)};
      break;
    case 1:
      message.body = VoteAnswer{rng.chance(500'000), rng.chance(700'000)};
      break;
    case 2:
    case 3: {
      AppendRequest request{index(), term(), index(), rng.below(3), {}};
      for (std::uint64_t i = rng.below(4), at = request.previous_index.value; i > 0; --i) {
        at += 1 + rng.below(10) / 9;
        const auto kind = static_cast<EntryKind>(1 + rng.below(3));
        request.entries.push_back({term(), LogIndex{at}, kind, {}});
      }
      message.body = std::move(request);
      break;
    }
    case 4:
      message.body = AppendAnswer{rng.chance(500'000), index(), index(), term(), rng.below(3)};
      break;
    default:
      break;
  }
  return message;
}

TEST(RaftRandomRun, NoMessageStopsACore) {
  for (std::uint64_t seed = 1; seed <= 3000; ++seed) {
    Rng rng(seed);
    StoredState stored;
    stored.snapshot.membership.voters = {NodeId{1}, NodeId{2}, NodeId{3}};
    auto core = RaftCore::start({.self = NodeId{1}, .election_ticks = 3, .seed = seed}, stored);
    for (int i = 0; i < 200; ++i) {
      if (rng.below(3) == 0) core->tick();
      if (rng.below(20) == 0) {
        const SnapshotMark mark{LogIndex{rng.below(12)}, Term{rng.below(6)},
                                stored.snapshot.membership};
        core->snapshot_received(NodeId{rng.below(4)}, Term{rng.below(6)}, mark);
      }
      core->step(noise(rng, NodeId{1}));
      while (rng.below(2) == 0 && core->has_ready()) core->stored(core->take_ready().sequence);
      const auto sound = check_invariants(*core);
      ASSERT_TRUE(sound) << sound.error().detail() << ", seed " << seed;
    }
  }
}

class RaftPlantedBug : public testing::TestWithParam<int> {};

TEST_P(RaftPlantedBug, IsFoundByTheRandomRun) {
  const auto sabotage = static_cast<Sabotage>(GetParam());
  for (std::uint64_t seed = 1; seed <= 20'000; ++seed) {
    SimGroup group(seed, sabotage);
    const std::string violation = group.run(kSteps);
    if (violation.empty()) continue;
    std::printf("bug %d, seed %llu: %s\n", GetParam(), (unsigned long long)seed, violation.c_str());
    return;
  }
  FAIL() << "no seed finds it";
}

INSTANTIATE_TEST_SUITE_P(Every, RaftPlantedBug, testing::Range(1, kSabotages));

}  // namespace
}  // namespace kelp::raft
