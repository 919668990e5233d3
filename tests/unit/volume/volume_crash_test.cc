// Power cuts and kills at any moment: what was acknowledged is there, and nothing wrong is.

#include <gtest/gtest.h>

#include <cstdio>

#include "tests/unit/volume/volume_crash_rig.h"

namespace kelp::test {
namespace {

class TellStates final : public ::testing::Environment {
 public:
  void TearDown() override {
    std::printf("crash states checked: %llu\n", static_cast<unsigned long long>(crash_states));
  }
};
const auto* const kTellStates = ::testing::AddGlobalTestEnvironment(new TellStates);

TEST(VolumeCrash, KeepsEveryAcknowledgedNeedleThroughPowerCuts) {
  for (std::uint64_t seed = 1; seed <= seeds(300); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    CrashRun run(seed, true);
    Rng rng(seed);
    for (int life = 0; life < 3; ++life) {
      run.work(1 + rng.below(120));
      run.rig.disk.crash(rng);
      run.restart();
      run.check(false);
      if (::testing::Test::HasFatalFailure()) return;
    }
  }
}

TEST(VolumeCrash, KeepsEveryAcknowledgedNeedleWhateverOperationIsTheLast) {
  for (std::uint64_t nth = 1; nth <= 150; ++nth) {
    SCOPED_TRACE("operation " + std::to_string(nth));
    CrashRun run(1000, true);
    run.work(nth);
    Rng rng(nth);
    run.rig.disk.crash(rng);
    run.restart();
    run.check(false);
    if (::testing::Test::HasFatalFailure()) return;
  }
}

TEST(VolumeCrash, KeepsEveryAcknowledgedNeedleWhenAllThatWasNotSyncedIsLost) {
  for (std::uint64_t seed = 1; seed <= seeds(60); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    CrashRun run(seed, true);
    run.work(1 + seed * 3);
    run.rig.disk.crash_losing_all();
    run.restart();
    run.check(false);
    if (::testing::Test::HasFatalFailure()) return;
  }
}

// A start after kill -9 sees what is in the page cache; a power cut right after must not take any
// of that back which the start acted upon.
TEST(VolumeCrash, KeepsEveryAcknowledgedNeedleThroughAKillAndThenAPowerCut) {
  for (std::uint64_t seed = 1; seed <= seeds(60); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    CrashRun run(seed, true);
    Rng rng(seed);
    run.work(10'000'000);
    run.rig.disk.kill();
    run.restart();
    run.check(false);
    run.rig.disk.crash(rng);
    run.restart();
    run.check(false);
    if (::testing::Test::HasFatalFailure()) return;
  }
}

TEST(VolumeCrash, WithDurabilityOsAPowerCutLosesNeedlesButServesNothingWrong) {
  for (std::uint64_t seed = 1; seed <= seeds(60); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    CrashRun run(seed, false);
    Rng rng(seed);
    run.work(1 + rng.below(120));
    run.rig.disk.crash(rng);
    run.restart();
    run.check(true);
    if (::testing::Test::HasFatalFailure()) return;
  }
}

TEST(VolumeCrash, TheSameSeedGivesTheSameRun) {
  const auto trace = [](std::uint64_t seed) {
    CrashRun run(seed, true);
    run.work(80);
    return run.rig.world.trace_hash();
  };
  EXPECT_EQ(trace(5), trace(5));
  EXPECT_NE(trace(5), trace(6));
}

}  // namespace
}  // namespace kelp::test
