#include "volume/core/volume_index.h"

#include <gtest/gtest.h>

#include <map>

#include "base/rng.h"

namespace kelp {
namespace {

NeedlePlace place_of(std::uint64_t key) {
  return {.offset = 4096 + 8 * (key % (1ULL << 39)),
          .bytes = static_cast<std::uint32_t>(8 + 8 * (key % 1000))};
}

TEST(VolumeIndex, PacksTheLargestPlace) {
  const NeedlePlace place{.offset = ((1ULL << 40) - 1) * 8, .bytes = ((1U << 24) - 1) * 8};
  EXPECT_EQ(unpack_place(pack(place)), place);
}

TEST(VolumeIndex, KeepsTheFirstOfTwoWithOneKey) {
  VolumeIndex index;
  EXPECT_TRUE(index.insert(NeedleKey{1}, {4096, 80}));
  EXPECT_FALSE(index.insert(NeedleKey{1}, {8192, 80}));
  EXPECT_EQ(index.find(NeedleKey{1})->offset, 4096U);
  EXPECT_EQ(index.live_bytes(), 80U);
  EXPECT_EQ(index.erase(NeedleKey{1})->offset, 4096U);
  EXPECT_FALSE(index.erase(NeedleKey{1}).has_value());
  EXPECT_TRUE(index.insert(NeedleKey{1}, {8192, 80}));
  EXPECT_EQ(index.size(), 1U);
}

TEST(VolumeIndex, HoldsTheSmallestAndTheLargestKey) {
  VolumeIndex index;
  for (const std::uint64_t key : {UINT64_MAX, std::uint64_t{0}, std::uint64_t{1} << 40}) {
    EXPECT_TRUE(index.insert(NeedleKey{key}, {4096, 80}));
  }
  EXPECT_EQ(index.list(std::nullopt, 10).size(), 3U);
  EXPECT_EQ(index.list(NeedleKey{0}, 10).size(), 2U);
  EXPECT_EQ(index.list(NeedleKey{UINT64_MAX}, 10).size(), 0U);
  EXPECT_EQ(index.list(std::nullopt, 0).size(), 0U);
}

// Made at once of what another index lists, it is that index; and goes on as one.
TEST(VolumeIndex, IsTheSameMadeAtOnce) {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    Rng rng(seed);
    VolumeIndex index;
    const std::uint64_t most = seed == 1 ? 0 : 200'000;
    for (std::uint64_t key = 0, i = 0; i < most; ++i) {
      key += seed % 2 == 0 ? 1 + rng.below(3) : 1 + rng.next() % (1ULL << 33);
      index.insert(NeedleKey{key}, place_of(key));
    }
    const std::vector<IndexEntry> entries = index.list(std::nullopt, SIZE_MAX);
    VolumeIndex loaded;
    const std::size_t half = entries.size() / 2;
    loaded.append(std::span(entries).first(half));
    loaded.append(std::span(entries).subspan(half));
    EXPECT_EQ(loaded.list(std::nullopt, SIZE_MAX), entries);
    EXPECT_EQ(loaded.size(), index.size());
    EXPECT_EQ(loaded.live_bytes(), index.live_bytes());
    for (int i = 0; i < 10'000 && !entries.empty(); ++i) {
      const IndexEntry& entry = entries[rng.below(entries.size())];
      EXPECT_EQ(loaded.find(entry.key), index.find(entry.key));
      EXPECT_EQ(loaded.erase(entry.key), index.erase(entry.key));
      EXPECT_EQ(loaded.insert(NeedleKey{entry.key.value + 1}, {4096, 80}),
                index.insert(NeedleKey{entry.key.value + 1}, {4096, 80}));
    }
    EXPECT_EQ(loaded.list(std::nullopt, SIZE_MAX), index.list(std::nullopt, SIZE_MAX));
  }
}

// Random inserts, erases and listings against std::map, over the ways in which keys come.
TEST(VolumeIndex, AgreesWithAMap) {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    Rng rng(seed);
    VolumeIndex index;
    std::map<std::uint64_t, NeedlePlace> model;
    std::uint64_t next = rng.below(1000);
    std::uint64_t live = 0;
    for (int step = 0; step < 60'000; ++step) {
      std::uint64_t key = next += rng.below(3);
      if (seed % 3 == 1) key = rng.next();
      if (seed % 3 == 2) key = rng.below(40'000);
      if (rng.below(3) == 0 && !model.empty()) {
        const auto at = model.lower_bound(rng.below(2) == 0 ? key : key / 2);
        key = at == model.end() ? model.begin()->first : at->first;
        const auto erased = index.erase(NeedleKey{key});
        ASSERT_EQ(erased.has_value(), model.contains(key));
        live -= model[key].bytes;
        model.erase(key);
      } else {
        ASSERT_EQ(index.insert(NeedleKey{key}, place_of(key)),
                  model.emplace(key, place_of(key)).second || false);
        live = 0;
        if (step % 1000 == 0) {
          for (const auto& [k, place] : model) live += place.bytes;
          ASSERT_EQ(index.live_bytes(), live);
        }
      }
      ASSERT_EQ(index.size(), model.size());
    }
    for (int probe = 0; probe < 2000; ++probe) {
      const std::uint64_t key = seed % 3 == 1 ? rng.next() : rng.below(next + 1000);
      const auto found = index.find(NeedleKey{key});
      ASSERT_EQ(found.has_value(), model.contains(key));
    }
    std::optional<NeedleKey> after;
    auto expected = model.begin();
    while (true) {
      const auto page = index.list(after, 777);
      for (const IndexEntry& entry : page) {
        ASSERT_NE(expected, model.end());
        ASSERT_EQ(entry.key.value, expected->first);
        ASSERT_EQ(entry.place, expected->second);
        ++expected;
      }
      if (page.size() < 777) break;
      after = page.back().key;
    }
    ASSERT_EQ(expected, model.end());
  }
}

TEST(VolumeIndex, NeedsAtMost13BytesANeedle) {
  VolumeIndex index;
  Rng rng(1);
  constexpr std::uint64_t kNeedles = 1'000'000;
  // Keys in leased runs, interleaved by several writers.
  std::uint64_t runs[8]{};
  std::uint64_t next_run = 0;
  for (std::uint64_t i = 0; i < kNeedles; ++i) {
    std::uint64_t& run = runs[rng.below(8)];
    if (run % 1000 == 0) run = next_run += 1000;
    index.insert(NeedleKey{run++}, place_of(i));
  }
  EXPECT_LE(static_cast<double>(index.memory_bytes()) / static_cast<double>(index.size()), 13.0);
  EXPECT_GT(index.size(), kNeedles * 9 / 10);
}

}  // namespace
}  // namespace kelp
