#include "volume/core/needle_index.h"

#include <gtest/gtest.h>

#include <map>

#include "base/rng.h"

namespace kelp {
namespace {

/// A snapshot in memory; some of its blocks cannot be read.
class MemorySource final : public IndexSource {
 public:
  explicit MemorySource(const std::vector<IndexEntry>& entries)
      : snapshot_(*decode_index_snapshot(encode_index_snapshot({}, entries))) {}

  [[nodiscard]] const IndexSnapshotHeader& header() const override { return snapshot_.header; }
  [[nodiscard]] Result<std::optional<NeedlePlace>> find(NeedleKey key) const override {
    if (broken) return Error(Errc::kCorruption, "broken");
    const auto at = std::ranges::lower_bound(snapshot_.entries, key, {}, &IndexEntry::key);
    if (at == snapshot_.entries.end() || at->key != key) return std::nullopt;
    return at->place;
  }
  [[nodiscard]] Result<std::vector<IndexEntry>> list(NeedleKey from) const override {
    if (broken) return Error(Errc::kCorruption, "broken");
    auto at = std::ranges::lower_bound(snapshot_.entries, from, {}, &IndexEntry::key);
    std::vector<IndexEntry> out;
    while (at != snapshot_.entries.end() && out.size() < 7) out.push_back(*at++);
    return out;
  }
  void each_sound(const std::function<void(std::span<const IndexEntry>)>& visit) const override {
    visit(snapshot_.entries);
  }
  [[nodiscard]] std::size_t memory_bytes() const override { return 0; }

  bool broken = false;

 private:
  const IndexSnapshot snapshot_;
};

NeedlePlace place_of(std::uint64_t number) {
  return {.offset = 4096 + 8 * number, .bytes = static_cast<std::uint32_t>(8 + 8 * (number % 9))};
}

std::vector<IndexEntry> all_of(const NeedleIndex& index) {
  return *index.list(std::nullopt, SIZE_MAX);
}

// Random changes, listings and new snapshots below, against std::map.
TEST(NeedleIndex, AgreesWithAMap) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    Rng rng(seed);
    NeedleIndex index;
    std::map<std::uint64_t, NeedlePlace> model;
    std::vector<NeedleKey> changed;
    std::vector<IndexEntry> listed;  // what a snapshot that is being written has
    std::uint64_t places = 0;
    for (int step = 0; step < 3000; ++step) {
      const NeedleKey key{rng.below(400)};
      if (rng.below(2) == 0) {
        const NeedlePlace place = place_of(++places);
        ASSERT_EQ(*index.insert(key, place), model.emplace(key.value, place).second);
      } else {
        const auto erased = index.erase(key);
        ASSERT_EQ(erased->has_value(), model.erase(key.value) > 0);
      }
      changed.push_back(key);
      if (rng.below(200) == 0) {
        listed = all_of(index);
        changed.clear();
      }
      if (rng.below(300) == 0) {
        auto over = index.over(std::make_shared<MemorySource>(listed), changed);
        ASSERT_TRUE(over.has_value());
        index = *std::move(over);
        listed = all_of(index);
        changed.clear();
      }
      std::uint64_t live = 0;
      for (const auto& [k, place] : model) live += place.bytes;
      ASSERT_EQ(index.size(), model.size());
      ASSERT_EQ(index.live_bytes(), live);
      const NeedleKey probe{rng.below(420)};
      const auto found = index.find(probe);
      ASSERT_EQ(found->has_value(), model.contains(probe.value));
      if (found->has_value()) ASSERT_EQ(**found, model[probe.value]);
      const auto page = index.list(NeedleKey{probe.value}, 1 + rng.below(20));
      auto expected = model.upper_bound(probe.value);
      for (const IndexEntry& entry : *page) {
        ASSERT_EQ(entry.key.value, expected->first);
        ASSERT_EQ(entry.place, (expected++)->second);
      }
    }
    std::size_t at = 0;
    const auto whole = all_of(index);
    ASSERT_EQ(whole.size(), model.size());
    for (const auto& [key, place] : model)
      EXPECT_EQ(whole[at++], (IndexEntry{NeedleKey{key}, place}));
  }
}

TEST(NeedleIndex, SaysWhenTheFileCannotBeRead) {
  const auto source = std::make_shared<MemorySource>(
      std::vector<IndexEntry>{{NeedleKey{1}, place_of(1)}, {NeedleKey{5}, place_of(2)}});
  NeedleIndex index(source);
  index.add(NeedleKey{9}, place_of(3));
  ASSERT_TRUE(index.erase(NeedleKey{5})->has_value());
  source->broken = true;
  EXPECT_EQ(index.find(NeedleKey{1}).error().code(), Errc::kCorruption);
  EXPECT_EQ(index.find(NeedleKey{3}).error().code(), Errc::kCorruption) << "nobody knows";
  EXPECT_EQ(index.insert(NeedleKey{1}, place_of(4)).error().code(), Errc::kCorruption);
  EXPECT_EQ(index.erase(NeedleKey{1}).error().code(), Errc::kCorruption);
  EXPECT_FALSE(index.list(std::nullopt, 10).has_value());
  EXPECT_EQ(**index.find(NeedleKey{9}), place_of(3)) << "memory knows";
  EXPECT_FALSE(index.find(NeedleKey{5})->has_value());
  EXPECT_FALSE(index.find(NeedleKey{10})->has_value()) << "over all keys of the file";
  EXPECT_TRUE(index.erase_known({NeedleKey{1}, place_of(1)}));
  EXPECT_FALSE(index.find(NeedleKey{1})->has_value());
  EXPECT_FALSE(index.erase_known({NeedleKey{1}, place_of(1)}));
  EXPECT_EQ(index.size(), 1U);
}

}  // namespace
}  // namespace kelp
