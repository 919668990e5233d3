// Power cuts and kills at every operation: what append() acknowledged is there.
#include <gtest/gtest.h>

#include "base/rng.h"
#include "tests/unit/raft_node/wal_rig.h"

namespace kelp::raft {
namespace {

using test::SimDisk;

constexpr std::uint64_t kSegmentBytes = 900;

/// What a log must hold; `unsure` may or may not have happened.
struct Model {
  HardState hard;
  std::vector<Entry> entries;  ///< From index 1 on.
  LogIndex compacted;

  void take(const WalChange& change) {
    if (!change.entries.empty()) {
      entries.resize(change.entries.front().index.value - 1);
      entries.insert(entries.end(), change.entries.begin(), change.entries.end());
    }
    if (change.hard) hard = *change.hard;
  }
  [[nodiscard]] bool matches(const Wal::Opened& opened) const {
    if (opened.hard != hard || opened.base.index > compacted) return false;
    std::vector<Entry> behind;
    for (const Entry& entry : entries) {
      if (entry.index > opened.base.index) behind.push_back(entry);
    }
    return behind == opened.entries;
  }
};

WalChange draw_change(Rng& rng, const Model& model, std::uint64_t term) {
  WalChange change;
  const std::uint64_t first =
      std::max(model.compacted.value, model.entries.size() - rng.below(model.entries.size() + 1)) +
      1;
  const std::uint64_t from = rng.below(4) == 0 ? first : model.entries.size() + 1;
  const std::uint64_t count = rng.below(4);
  for (std::uint64_t i = 0; i < count; ++i) {
    change.entries.push_back(entry_at(from + i, term, std::string(rng.below(700), 'e')));
  }
  if (count == 0 || rng.below(3) == 0) change.hard = hard_state(term, 1 + rng.below(3));
  return change;
}

/// Lives of a log that end by power cuts or kills after `power_off` changes of the disk each.
void live(std::uint64_t seed, bool lose_all) {
  Rng rng(seed);
  SimDisk disk({.seed = seed});
  Model model;
  std::optional<Model> unsure;
  bool made = false;
  for (int life = 0; life < 6; ++life) {
    WalOptions options = wal_options(kSegmentBytes);
    options.salt = rng.next();
    auto opened = open_wal(disk, options);
    ASSERT_TRUE(opened) << "seed " << seed << " life " << life << ": " << opened.error().message();
    if (unsure && unsure->matches(*opened)) model = *unsure;
    ASSERT_TRUE(model.matches(*opened)) << "seed " << seed << " life " << life;
    unsure.reset();
    made = true;
    disk.power_off_after(1 + rng.below(60));
    for (std::uint64_t term = model.hard.term.value + 1; !disk.powered_off(); ++term) {
      const WalChange change = draw_change(rng, model, term);
      Model next = model;
      next.take(change);
      if (append_one(*opened->wal, change)) {
        model = next;
      } else {
        unsure = next;
        break;
      }
      if (rng.below(8) == 0 && !model.entries.empty()) {
        model.compacted = LogIndex{model.compacted.value +
                                   rng.below(model.entries.size() - model.compacted.value + 1)};
        static_cast<void>(opened->wal->compact(model.compacted));
      }
    }
    if (rng.below(4) == 0) disk.kill();
    if (lose_all) {
      disk.crash_losing_all();
    } else {
      disk.crash(rng);
    }
  }
  EXPECT_TRUE(made);
}

TEST(WalCrash, KeepsWhatItAcknowledgedThroughPowerCuts) {
  for (std::uint64_t seed = 1; seed <= 2000; ++seed) {
    live(seed, false);
    if (::testing::Test::HasFatalFailure()) return;
  }
}

TEST(WalCrash, KeepsWhatItAcknowledgedWhenAllThatWasNotSyncedIsLost) {
  for (std::uint64_t seed = 1; seed <= 1000; ++seed) {
    live(seed, true);
    if (::testing::Test::HasFatalFailure()) return;
  }
}

/// A fixed story, with the power cut at each operation in turn, also of the start after it.
TEST(WalCrash, KeepsWhatItAcknowledgedWhateverOperationIsTheLast) {
  for (std::uint64_t last = 1; last < 80; ++last) {
    for (std::uint64_t again = 1; again < 8; ++again) {
      SimDisk disk({.seed = last});
      Rng rng(last * 100 + again);
      std::uint64_t acknowledged = 0;
      ASSERT_TRUE(disk.make_dirs(kDir));
      disk.power_off_after(last);
      if (auto opened = Wal::open(disk, wal_options(500), true)) {
        for (std::uint64_t i = 1; i <= 12; ++i) {
          if (!append_one(*opened->wal, {.entries = {entry_at(i, i)}, .hard = hard_state(i, 1)})) {
            break;
          }
          acknowledged = i;
        }
      }
      disk.crash(rng);
      disk.power_off_after(again);
      static_cast<void>(Wal::open(disk, wal_options(500), true));
      disk.crash(rng);
      const auto opened = Wal::open(disk, wal_options(500), true);
      ASSERT_TRUE(opened) << last << ": " << opened.error().message();
      ASSERT_GE(opened->entries.size(), acknowledged) << last << " " << again;
      ASSERT_GE(opened->hard.term.value, acknowledged) << last << " " << again;
      ASSERT_EQ(opened->hard.term.value, opened->entries.size());
    }
  }
}

TEST(WalCrash, WhatIsReadAfterAFailedSyncAndAKillIsOnStableStorage) {
  SimDisk disk;
  auto opened = open_wal(disk);
  ASSERT_TRUE(opened);
  ASSERT_TRUE(append_one(*opened->wal, {.hard = hard_state(1, 1)}));
  disk.fail_nth(test::DiskOp::kSync, 1);
  EXPECT_FALSE(append_one(*opened->wal, {.hard = hard_state(2, 2)}));
  disk.kill();  // the page cache still shows the second vote, and calls it clean
  const auto again = open_wal(disk);
  ASSERT_TRUE(again);
  const HardState seen = again->hard;
  disk.crash_losing_all();
  const auto third = open_wal(disk);
  ASSERT_TRUE(third);
  EXPECT_EQ(third->hard, seen) << "a vote that was read is a vote that may be spoken of";
}

}  // namespace
}  // namespace kelp::raft
