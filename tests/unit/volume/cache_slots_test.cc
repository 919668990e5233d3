#include "volume/core/cache_slots.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "base/rng.h"

namespace kelp {
namespace {

using Slot = CacheSlots::Slot;

/// Asks for a chunk as a reader does; true: it was there.
bool ask(CacheSlots& slots, ChunkId id) {
  slots.note(id);
  if (const auto held = slots.hold(id)) {
    slots.release(*held);
    return true;
  }
  if (const auto slot = slots.admit(id)) slots.filled(*slot, id);
  return false;
}

TEST(CacheSlots, TakeWhatIsAskedForTwice) {
  CacheSlots slots(16);
  const std::uint32_t log = slots.begin_log();
  for (const bool there : {false, false, true}) {
    for (std::uint32_t number = 0; number < 8; ++number) {
      EXPECT_EQ(ask(slots, {log, number}), there);
    }
  }
  EXPECT_EQ(slots.used(), 8U);
}

// One reader's pieces begin and end in the midst of chunks.
TEST(CacheSlots, CountOneReaderOnce) {
  CacheSlots slots(1024);
  const std::uint32_t log = slots.begin_log();
  for (int piece = 0; piece < 5; ++piece) EXPECT_FALSE(ask(slots, {log, 7}));
  EXPECT_EQ(slots.used(), 0U);
}

TEST(CacheSlots, GoInAscendingOrder) {
  CacheSlots slots(64);
  const std::uint32_t log = slots.begin_log();
  Slot expected = 0;
  for (std::uint32_t pass = 0; pass < 2; ++pass) {
    for (std::uint32_t number = 0; number < 64; ++number) slots.note({log, number});
  }
  for (std::uint32_t number = 0; number < 64; ++number) {
    const auto slot = slots.admit({log, number});
    ASSERT_EQ(slot, expected++);
    slots.filled(*slot, {log, number});
  }
}

// A backup reads everything once.
TEST(CacheSlots, AScanTakesNobodysPlace) {
  constexpr std::uint32_t kSlots = 256;
  CacheSlots slots(kSlots);
  const std::uint32_t log = slots.begin_log();
  for (int pass = 0; pass < 4; ++pass) {
    for (std::uint32_t number = 0; number < kSlots; ++number) ask(slots, {log, number});
  }
  std::uint32_t warm = 0;
  for (std::uint32_t number = 0; number < kSlots; ++number) warm += ask(slots, {log, number});
  ASSERT_GT(warm, kSlots * 9 / 10);
  for (std::uint32_t number = 0; number < 4 * kSlots; ++number) ask(slots, {log, 100'000 + number});
  std::uint32_t still = 0;
  for (std::uint32_t number = 0; number < kSlots; ++number) still += slots.has({log, number});
  EXPECT_GE(still, warm - warm / 20);
}

// Also one that comes again and again, of more than fits.
TEST(CacheSlots, ALoopOfMoreThanFitsTakesNoHotOnesPlace) {
  constexpr std::uint32_t kSlots = 256;
  CacheSlots slots(kSlots);
  const std::uint32_t log = slots.begin_log();
  std::uint32_t hits = 0;
  std::uint32_t asked = 0;
  for (std::uint32_t round = 0; round < 40; ++round) {
    for (std::uint32_t number = 0; number < 2 * kSlots; ++number) {
      ask(slots, {log, 100'000 + number});
      if (number % 8 != 0) continue;
      // 64 chunks are asked for eight times as often.
      for (std::uint32_t hot = 0; hot < 8; ++hot) {
        const bool hit = ask(slots, {log, (number + hot * 8) % 64});
        if (round < 10) continue;
        ++asked;
        hits += hit ? 1 : 0;
      }
    }
  }
  EXPECT_GT(hits, asked * 9 / 10) << asked;
}

TEST(CacheSlots, WhatIsNewsGetsIn) {
  constexpr std::uint32_t kSlots = 64;
  CacheSlots slots(kSlots);
  const std::uint32_t log = slots.begin_log();
  for (std::uint32_t pass = 0; pass < 10; ++pass) {
    for (std::uint32_t number = 0; number < kSlots; ++number) ask(slots, {log, number});
  }
  std::uint32_t pass = 0;
  const auto all_here = [&] {
    std::uint32_t here = 0;
    for (std::uint32_t number = 0; number < kSlots / 2; ++number) {
      here += slots.has({log, 1000 + number});
    }
    return here == kSlots / 2;
  };
  while (!all_here()) {
    ASSERT_LT(++pass, 60U);
    for (std::uint32_t number = 0; number < kSlots / 2; ++number) ask(slots, {log, 1000 + number});
  }
}

TEST(CacheSlots, ChunksOfALogThatEndedGoFirst) {
  constexpr std::uint32_t kSlots = 64;
  CacheSlots slots(kSlots);
  const std::uint32_t old = slots.begin_log();
  for (std::uint32_t pass = 0; pass < 6; ++pass) {
    for (std::uint32_t number = 0; number < kSlots; ++number) ask(slots, {old, number});
  }
  const std::uint32_t log = slots.begin_log();
  EXPECT_NE(log, old);
  slots.end_log(old);
  for (std::uint32_t pass = 0; pass < 2; ++pass) {
    for (std::uint32_t number = 0; number < kSlots; ++number) ask(slots, {log, number});
  }
  std::uint32_t here = 0;
  for (std::uint32_t number = 0; number < kSlots; ++number) here += slots.has({log, number});
  EXPECT_GT(here, kSlots * 9 / 10);
}

TEST(CacheSlots, GiveNoSlotAwayThatIsHeld) {
  CacheSlots slots(4);
  const std::uint32_t log = slots.begin_log();
  for (std::uint32_t pass = 0; pass < 3; ++pass) {
    for (std::uint32_t number = 0; number < 4; ++number) ask(slots, {log, number});
  }
  ASSERT_EQ(slots.used(), 4U);
  const Slot held = *slots.hold({log, 0});
  EXPECT_TRUE(slots.drop({log, 0})) << "it is forgotten";
  EXPECT_FALSE(slots.has({log, 0}));
  slots.end_log(log);
  const std::uint32_t next = slots.begin_log();
  std::set<Slot> given;
  for (std::uint32_t number = 0; number < 8; ++number) {
    for (std::uint32_t other : {number, number + 100, number}) slots.note({next, other});
    if (const auto slot = slots.admit({next, number})) given.insert(*slot);
  }
  EXPECT_EQ(given.size(), 3U);
  EXPECT_FALSE(given.contains(held));
}

TEST(CacheSlots, AChunkIsInOneSlot) {
  CacheSlots slots(16);
  const std::uint32_t log = slots.begin_log();
  for (std::uint32_t number : {1U, 2U, 1U}) slots.note({log, number});
  const auto one = slots.admit({log, 1});
  const auto other = slots.admit({log, 1});
  ASSERT_TRUE(one && other && *one != *other);
  EXPECT_FALSE(slots.has({log, 1})) << "it is not written yet";
  EXPECT_TRUE(slots.filled(*other, {log, 1}));
  EXPECT_FALSE(slots.filled(*one, {log, 1}));
  EXPECT_EQ(slots.used(), 1U);
  EXPECT_EQ(slots.hold({log, 1}), *other);
}

// Whatever happens, a chunk is found where it was put last and nowhere else.
TEST(CacheSlots, DoAsAPlainMapDoes) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    Rng rng(seed);
    CacheSlots slots(1 + rng.below(40));
    std::vector<std::uint32_t> logs{slots.begin_log(), slots.begin_log()};
    std::map<std::pair<std::uint32_t, std::uint32_t>, Slot> model;  // what may be found
    std::map<Slot, std::pair<std::uint32_t, std::uint32_t>> content;
    for (int step = 0; step < 5000; ++step) {
      const ChunkId id{logs[rng.below(logs.size())], static_cast<std::uint32_t>(rng.below(60))};
      const std::pair key{id.log, id.number};
      const std::uint64_t what = rng.below(100);
      if (what < 2) {
        EXPECT_EQ(slots.drop(id), model.erase(key) > 0);
      } else if (what < 3) {
        slots.end_log(logs[0]);
        logs[0] = slots.begin_log();
      } else {
        slots.note(id);
        if (const auto held = slots.hold(id)) {
          EXPECT_EQ(content.at(*held), key);
          slots.release(*held);
        } else {
          EXPECT_FALSE(model.contains(key));
          if (const auto slot = slots.admit(id)) {
            const auto before = content.find(*slot);
            if (before != content.end()) {
              const auto there = model.find(before->second);
              if (there != model.end() && there->second == *slot) model.erase(there);
            }
            content[*slot] = key;
            if (rng.below(10) == 0) {
              content.erase(*slot);
              slots.release(*slot);  // it could not be written
            } else {
              EXPECT_TRUE(slots.filled(*slot, id));
              model[key] = *slot;
            }
          }
        }
      }
      ASSERT_EQ(slots.used(), model.size());
      ASSERT_LE(slots.used(), slots.slots());
    }
  }
}

TEST(CacheSlots, TakeThirtyBytesAChunk) {
  constexpr std::size_t kSlots = 1'638'400;  // 100 GiB
  EXPECT_LE(CacheSlots(kSlots).memory_bytes(), 48U << 20);
  for (const std::size_t slots : {100'000UZ, 500'000UZ, 950'000UZ, 1'000'000UZ}) {
    EXPECT_LE(CacheSlots(slots).memory_bytes(), slots * 30 + (64 << 10)) << slots;
  }
}

}  // namespace
}  // namespace kelp
