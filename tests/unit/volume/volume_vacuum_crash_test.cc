// Vacuum under writers, power cuts and errors of the disk: nothing that was acknowledged is lost.

#include <gtest/gtest.h>

#include <array>

#include "tests/unit/volume/volume_crash_rig.h"
#include "volume/store/volume_vacuum.h"

namespace kelp::test {
namespace {

TEST(VacuumRaces, WritersAndReadersNeverNoticeIt) {
  for (std::uint64_t seed = 1; seed <= seeds(150); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    CrashRun run(seed, true);
    run.with_vacuum = true;
    run.rig.options.direct_io = seed % 2 == 0;
    run.restart();
    run.work(10'000'000);
    EXPECT_EQ(run.vacuums_done, 3U);
    run.check(false);
    run.work(10'000'000);
    run.rig.disk.kill();
    run.restart();
    run.check(false);
    if (::testing::Test::HasFailure()) return;
  }
}

/// Vacuum under writers until operation `nth`.
void run_until(CrashRun& run, std::uint64_t nth) {
  run.with_vacuum = true;
  run.work(nth);
}

TEST(VacuumCrash, KeepsEveryAcknowledgedNeedleWhateverOperationIsTheLast) {
  std::uint64_t done = 0;
  for (std::uint64_t nth = 1; nth <= seeds(250); ++nth) {
    for (const bool lose_all : {false, true}) {
      SCOPED_TRACE("operation " + std::to_string(nth));
      CrashRun run(2000, true);
      run_until(run, nth);
      Rng rng(nth);
      lose_all ? run.rig.disk.crash_losing_all() : run.rig.disk.crash(rng);
      run.restart();
      run.check(false);
      // What the crash left is in nobody's way.
      run_until(run, 10'000'000);
      done += run.vacuums_done;
      run.check(false);
      if (::testing::Test::HasFatalFailure()) return;
    }
  }
  EXPECT_GT(done, seeds(250) * 2 * 2);
}

TEST(VacuumCrash, KeepsEveryAcknowledgedNeedleThroughPowerCuts) {
  for (std::uint64_t seed = 1; seed <= seeds(300); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    CrashRun run(seed, true);
    Rng rng(seed);
    for (int life = 0; life < 3; ++life) {
      run_until(run, 1 + rng.below(160));
      run.rig.disk.crash(rng);
      run.restart();
      run.check(false);
      if (::testing::Test::HasFatalFailure()) return;
    }
  }
}

// A log that took over without a sync would be whole in the page cache and nowhere else.
TEST(VacuumCrash, WhatTookOverIsOnStableStorage) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    for (const bool sync : {true, false}) {
      SCOPED_TRACE("seed " + std::to_string(seed));
      VolumeRig rig(seed);
      rig.options.sync = sync;
      rig.start_fresh();
      for (std::uint64_t key = 1; key <= 20; ++key) {
        ASSERT_TRUE(rig.put_now(key, body_for(key, 3000)).has_value());
      }
      ASSERT_TRUE(rig.remove_now({fid_of(1), fid_of(2)}).has_value());
      // A snapshot would sync the folder, and with it the new log's name.
      rig.disk.set_hook([](DiskOp op, const std::string& path) -> std::optional<Error> {
        if (op != DiskOp::kOpen || path.find(".idx") == std::string::npos) return std::nullopt;
        return Error(Errc::kNoSpace, "injected failure");
      });
      ASSERT_TRUE(rig.vacuum_now().has_value());
      if (sync) {
        ASSERT_TRUE(rig.put_now(30, body_for(30, 3000)).has_value());
      }
      rig.disk.crash_losing_all();
      rig.disk.set_hook(nullptr);
      ASSERT_TRUE(rig.start().has_value());
      for (std::uint64_t key = 3; key <= 20; ++key) {
        ASSERT_EQ(rig.get_now(key, 3000).value_or(""), body_for(key, 3000)) << key;
      }
      EXPECT_EQ(rig.list_now().size(), sync ? 19U : 18U);
    }
  }
}

TEST(VacuumCrash, AnErrorOfAnyOperationLosesNothing) {
  constexpr std::array kOps = {DiskOp::kOpen,   DiskOp::kRead,   DiskOp::kWrite,  DiskOp::kSync,
                               DiskOp::kRename, DiskOp::kRemove, DiskOp::kSyncDir};
  std::uint64_t hit = 0;
  for (const DiskOp op : kOps) {
    for (std::uint64_t nth = 1; nth <= 30; ++nth) {
      for (const Errc code : {Errc::kIo, Errc::kNoSpace}) {
        SCOPED_TRACE("operation " + std::to_string(static_cast<int>(op)) + " number " +
                     std::to_string(nth));
        VolumeRig rig(nth);
        rig.start_fresh();
        for (std::uint64_t key = 1; key <= 12; ++key) {
          ASSERT_TRUE(rig.put_now(key, body_for(key, 2000 * key)).has_value());
        }
        ASSERT_TRUE(rig.remove_now({fid_of(1), fid_of(2), fid_of(3)}).has_value());
        std::uint64_t seen = 0;
        rig.disk.set_hook([&](DiskOp now, const std::string&) -> std::optional<Error> {
          if (now != op || ++seen != nth) return std::nullopt;
          return Error(code, "injected failure");
        });
        const auto outcome = rig.vacuum_now();
        hit += outcome.has_value() ? 0 : 1;
        rig.disk.set_hook(nullptr);
        const auto again = rig.put_now(50, "fifty");
        // Power goes: what was acknowledged is there, in whichever log the start finds.
        Rng rng(nth);
        rig.disk.crash(rng);
        ASSERT_TRUE(rig.start().has_value());
        for (std::uint64_t key = 4; key <= 12; ++key) {
          ASSERT_EQ(rig.get_now(key, 2000 * key).value_or(""), body_for(key, 2000 * key)) << key;
        }
        for (const std::uint64_t key : {1, 2, 3}) {
          ASSERT_EQ(rig.get_now(key, 1).error().code(), Errc::kNotFound);
        }
        if (again.has_value()) {
          ASSERT_EQ(rig.get_now(50, 5).value_or(""), "fifty");
        }
        ASSERT_TRUE(rig.vacuum_now().has_value()) << "what failed is in the way";
      }
    }
  }
  EXPECT_GT(hit, 20U);
}

}  // namespace
}  // namespace kelp::test
