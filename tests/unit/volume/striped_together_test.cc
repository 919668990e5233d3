// Several lost shards of a volume made in one pass: one server reads the others and makes all of
// them, the rest come to it. Real volume servers on disk twins.
#include "async/all.h"
#include "client/rpc/rpc_limits.h"
#include "tests/unit/volume/striped_volumes.h"
#include "volume/rebuild_shelf.h"
#include "volume/shard_rebuild.h"

namespace kelp::test {
namespace {

using namespace std::chrono_literals;

class Together : public StripedVolumes {
 protected:
  /// Servers with a volume of `scheme`, and `spares` behind them that get the first shards.
  void begin_with(EcScheme scheme, std::uint32_t spares) {
    begin(scheme);
    for (std::uint32_t i = 1; i < spares; ++i) add_server(scheme.shards() + i);
    spares_ = spares;
  }
  [[nodiscard]] std::uint32_t spare(std::uint32_t i) const { return scheme_.shards() + i; }

  /// What spare `i` is asked for: shard `i`, by the first one with those of all others.
  StripeSources asked(std::uint32_t i) {
    StripeSources from{scheme_, static_cast<std::uint8_t>(i), {}};
    for (const VolumeMember& each : location_.members) {
      if (each.shard >= spares_) from.members.push_back(each);
    }
    if (i > 0) {
      from.maker = member(spare(0));
      return from;
    }
    for (std::uint32_t other = 1; other < spares_; ++other) {
      from.others.push_back(static_cast<std::uint8_t>(other));
    }
    return from;
  }
  Task<Result<VolumeDigest>> make(std::uint32_t i, std::uint32_t generation) {
    return at(spare(i)).rebuild(kStriped, Generation{generation}, "", asked(i), Urgency::kRepair);
  }
  /// All of them at the same time.
  std::vector<Result<VolumeDigest>> make_all(std::uint32_t generation) {
    std::vector<Task<Result<VolumeDigest>>> makes;
    for (std::uint32_t i = 0; i < spares_; ++i) makes.push_back(make(i, generation));
    return run(all(std::move(makes)));
  }
  /// That spare `i` has each needle as the lost member had it.
  void expect_same(std::uint32_t i, std::uint64_t needles, std::uint32_t generation) {
    for (std::uint64_t key = 1; key <= needles; ++key) {
      const auto there = run(at(i).read_needle(kStriped, Generation{generation}, NeedleKey{key}));
      const auto made =
          run(at(spare(i)).read_needle(kStriped, Generation{generation}, NeedleKey{key}));
      ASSERT_TRUE(there.has_value()) << there.error().message();
      ASSERT_TRUE(made.has_value()) << made.error().message();
      EXPECT_TRUE(*there == *made) << "needle " << key << " of shard " << i;
    }
  }
  int part_reads() {
    int reads = 0;
    for (std::uint32_t i = 0; i < scheme_.shards(); ++i) reads += reached(i).part_reads;
    return reads;
  }

  std::uint32_t spares_ = 0;
};
class AnyTogether : public Together, public ::testing::WithParamInterface<EcScheme> {};
INSTANTIATE_TEST_SUITE_P(Schemes, AnyTogether, ::testing::Values(kTwoTwo, kFourTwo, EcScheme{8, 4}),
                         scheme_name);

TEST_P(AnyTogether, AllThatIsLostIsMadeFromOneReadingOfTheOthers) {
  begin_with(GetParam(), GetParam().parity);
  const std::vector<std::size_t> sizes = {1, 70'000, 700'001, 2'000'000, 8 << 20};
  for (std::uint64_t key = 1; key <= sizes.size(); ++key) {
    ASSERT_TRUE(put(key, sizes[key - 1]).has_value());
  }
  freeze(2);
  std::uint64_t pieces = 0;
  for (const std::size_t size : sizes) {
    pieces += (shard_bytes(scheme_, 0, size) + kPieceBytes - 1) / kPieceBytes;
  }
  for (const auto& made : make_all(2)) {
    ASSERT_TRUE(made.has_value()) << made.error().message();
    EXPECT_EQ(made->needles, sizes.size());
  }
  EXPECT_EQ(part_reads(), static_cast<int>(scheme_.data * pieces)) << "k shards, once each";
  EXPECT_EQ(reached(spare(0)).images_given, static_cast<int>((spares_ - 1) * sizes.size()));
  for (std::uint32_t i = 0; i < spares_; ++i) expect_same(i, sizes.size(), 2);
}

TEST_F(Together, EachGoesOnAloneWhenTheOneThatMakesThemDies) {
  begin_with(kFourTwo, 2);
  for (std::uint64_t key = 1; key <= 6; ++key) ASSERT_TRUE(put(key, 300'000).has_value());
  freeze(2);
  reached(spare(0)).trouble_after_rebuilt = 3;
  const auto made = make_all(2);
  ASSERT_TRUE(made[1].has_value()) << made[1].error().message();
  EXPECT_LT(reached(spare(0)).images_given, 6);
  expect_same(1, 6, 2);
}

TEST_F(Together, WhatCameOtherwiseThanItWasMadeIsNotTaken) {
  begin_with(kTwoTwo, 2);
  for (std::uint64_t key = 1; key <= 3; ++key) ASSERT_TRUE(put(key, 300'000).has_value());
  freeze(2);
  std::string before;
  const std::vector<std::function<void(std::string&)>> ways = {
      [](std::string& image) { image[image.size() / 2] ^= 1; },
      [](std::string& image) { image[8] ^= 1; },
      [](std::string& image) { image.resize(image.size() / 2); },
      [&before](std::string& image) { before.empty() ? before = image : image = before; },
  };
  for (const auto& way : ways) {
    reached(spare(0)).spoil_image = way;
    for (const auto& made : make_all(2)) {
      // Refused as a whole and tried again, or made alone: never stored.
      if (!made.has_value()) EXPECT_EQ(made.error().code(), Errc::kCorruption);
    }
    reached(spare(0)).spoil_image = {};
    ASSERT_TRUE(run(make(1, 2)).has_value());
    expect_same(0, 3, 2);
    expect_same(1, 3, 2);
    for (std::uint32_t i = 0; i < 2; ++i) {
      ASSERT_TRUE(run(at(spare(i)).retire(kStriped, Generation{2})).has_value());
    }
  }
}

TEST_F(Together, WhoeverDoesNotComeIsNotWaitedForLong) {
  begin_with(kTwoTwo, 2);
  // More than waits for somebody at a time.
  for (std::uint64_t key = 1; key <= 8; ++key) ASSERT_TRUE(put(key, 4 << 20).has_value());
  freeze(2);
  const MonoTime begun = clock_.mono();
  const auto made = run(make(0, 2));
  ASSERT_TRUE(made.has_value()) << made.error().message();
  EXPECT_EQ(made->needles, 8U);
  EXPECT_LT(clock_.mono() - begun, 2 * RebuildShelf::kPatience);
  // And whoever comes later makes its own, at once.
  const MonoTime later = clock_.mono();
  ASSERT_TRUE(run(make(1, 2)).has_value());
  EXPECT_LT(clock_.mono() - later, 1s);
  expect_same(1, 8, 2);
}

TEST_F(Together, OneThatFailsLeavesTheOthersAlone) {
  begin_with(kFourTwo, 2);
  for (std::uint64_t key = 1; key <= 6; ++key) ASSERT_TRUE(put(key, 300'000).has_value());
  freeze(2);
  disk(spare(1)).fail_nth(DiskOp::kWrite, 4);
  auto made = make_all(2);
  ASSERT_TRUE(made[0].has_value()) << made[0].error().message();
  EXPECT_FALSE(made[1].has_value());
  expect_same(0, 6, 2);
  start(spare(1));
  made = make_all(2);
  ASSERT_TRUE(made[0].has_value()) << "it is there already";
  ASSERT_TRUE(made[1].has_value()) << made[1].error().message();
  expect_same(1, 6, 2);
}

TEST_F(Together, AreMadeAroundWhatMembersLack) {
  begin_with(kTwoTwo, 2);
  for (std::uint64_t key = 1; key <= 4; ++key) ASSERT_TRUE(put(key, 300'000).has_value());
  // A removal that one of the two members missed: too few have it, nobody was told that it is gone.
  ASSERT_TRUE(run(at(3).remove({fid_of(2)})).has_value());
  freeze(2);
  for (const auto& made : make_all(2)) {
    ASSERT_TRUE(made.has_value()) << made.error().message();
    EXPECT_EQ(made->needles, 3U);
  }
}

}  // namespace
}  // namespace kelp::test
