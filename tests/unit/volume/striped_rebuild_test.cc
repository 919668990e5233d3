// Shards made anew from those of other servers: volume/shard_rebuild.h, over real volume servers on
// disk twins.
#include "volume/shard_rebuild.h"

#include "client/rpc/rpc_limits.h"
#include "tests/unit/volume/striped_volumes.h"

namespace kelp::test {
namespace {

class StripedRebuild : public StripedVolumes {};
class AnyRebuild : public StripedVolumes, public ::testing::WithParamInterface<EcScheme> {};
INSTANTIATE_TEST_SUITE_P(Schemes, AnyRebuild, kSchemes, scheme_name);

TEST_P(AnyRebuild, RebuildsEachShardByteForByteFromAsManyOthersAsItTakes) {
  begin(GetParam());
  std::vector<std::size_t> sizes = {1, 70'000, 700'001, 2'000'000};
  for (std::uint64_t key = 1; key <= sizes.size(); ++key) {
    ASSERT_TRUE(put(key, sizes[key - 1]).has_value());
  }
  std::uint64_t pieces = 0;
  for (const std::size_t size : sizes) {
    pieces += (shard_bytes(scheme_, 0, size) + kPieceBytes - 1) / kPieceBytes;
  }
  const std::uint32_t spare = scheme_.shards();
  std::uint32_t generation = 1;
  for (std::uint8_t shard = 0; shard < scheme_.shards(); ++shard) {
    freeze(++generation);
    for (std::uint32_t i = 0; i < spare; ++i) reached(i).part_reads = 0;
    const auto rebuilt = rebuild(shard, generation);
    ASSERT_TRUE(rebuilt.has_value()) << rebuilt.error().message();
    EXPECT_EQ(rebuilt->needles, sizes.size());
    int reads = 0;
    for (std::uint32_t i = 0; i < spare; ++i) reads += reached(i).part_reads;
    EXPECT_EQ(reads, static_cast<int>(scheme_.data * pieces)) << "k shards, once each";
    for (std::uint64_t key = 1; key <= sizes.size(); ++key) {
      const auto there =
          run(at(shard).read_needle(kStriped, Generation{generation}, NeedleKey{key}));
      const auto made =
          run(at(spare).read_needle(kStriped, Generation{generation}, NeedleKey{key}));
      ASSERT_TRUE(there.has_value() && made.has_value());
      EXPECT_TRUE(*there == *made) << "header, back pointer, body and checksums";
    }
    ASSERT_TRUE(run(at(spare).retire(kStriped, Generation{generation})).has_value());
  }
}

TEST_F(StripedRebuild, RebuildAroundRotAndGoneServers) {
  begin(kFourTwo);
  constexpr std::size_t kSize = 1'000'000;
  for (std::uint64_t key = 1; key <= 3; ++key) ASSERT_TRUE(put(key, kSize).has_value());
  rot(3, 2, 4000);
  const std::string expected = stored(0, 2);
  freeze(2, {0});
  const auto rebuilt = rebuild(0, 2);
  ASSERT_TRUE(rebuilt.has_value()) << rebuilt.error().message();
  const auto made = run(at(6).read_needle(kStriped, Generation{2}, NeedleKey{2}));
  EXPECT_TRUE(as_text(decode_needle(as_bytes(*made), 0)->body) == expected);
  EXPECT_EQ(at(3).damaged().size(), 1U);
}

TEST_F(StripedRebuild, GoOnWithAnotherServerWhenOneFailsInTheMiddleOfANeedle) {
  begin(kFourTwo);
  constexpr std::size_t kSize = 8 << 20;
  ASSERT_TRUE(put(1, kSize).has_value());
  const std::string expected = stored(5, 1);
  reached(4).trouble_after_parts = 2;
  const auto image = run(rebuild_shard(*this, kStriped, Generation{1},
                                       {kFourTwo, 5, location_.members}, NeedleKey{1}));
  ASSERT_TRUE(image.has_value()) << image.error().message();
  EXPECT_TRUE(as_text(decode_needle(as_bytes(*image), kImageSeed)->body) == expected);
  EXPECT_EQ(reached(4).part_reads, 3);
}

// The memory of one image is that of the next one.
TEST_F(StripedRebuild, MakeTheSameImageInUsedMemory) {
  begin(kTwoTwo);
  const std::string garbage(3 << 20, '\xee');
  std::uint64_t key = 0;
  for (const std::size_t size : {1UL, 65'537UL, 200'000UL, 1'000'003UL}) {
    ASSERT_TRUE(put(++key, size).has_value());
    for (std::uint8_t shard = 0; shard < 4; ++shard) {
      const StripeSources from{kTwoTwo, shard, location_.members};
      const auto fresh = run(rebuild_shard(*this, kStriped, Generation{1}, from, NeedleKey{key}));
      const auto used =
          run(rebuild_shard(*this, kStriped, Generation{1}, from, NeedleKey{key}, garbage));
      ASSERT_TRUE(fresh.has_value() && used.has_value());
      EXPECT_TRUE(*fresh == *used) << size << " bytes, shard " << int{shard};
    }
  }
}

TEST_F(StripedRebuild, TakeNoPartThatChangedOnItsWay) {
  begin(kTwoTwo);
  ASSERT_TRUE(put(1, 200'000).has_value());
  const std::vector<std::function<void(NeedlePart&)>> ways = {
      [](NeedlePart& part) { part.body[part.body.size() / 2] ^= 1; },
      [](NeedlePart& part) { part.body.pop_back(); },
      [](NeedlePart& part) { part.frame.back() ^= 1; },
      [](NeedlePart& part) { part.frame[8] ^= 1; },
      [](NeedlePart& part) { part.frame.pop_back(); },
  };
  for (const auto& way : ways) {
    reached(1).spoil = way;
    const auto refused = run(rebuild_shard(*this, kStriped, Generation{1},
                                           {kTwoTwo, 0, {member(1), member(2)}}, NeedleKey{1}));
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code(), Errc::kCorruption);
    EXPECT_TRUE(run(rebuild_shard(*this, kStriped, Generation{1}, {kTwoTwo, 0, location_.members},
                                  NeedleKey{1}))
                    .has_value())
        << "there is another one to ask";
  }
}

TEST_F(StripedRebuild, RebuildNothingFromAnOlderGeneration) {
  begin(kTwoTwo);
  ASSERT_TRUE(put(1, 200'000).has_value());
  freeze(2, {0, 1, 2});  // 1 and 2 missed it, 0 is what is to be made
  const auto refused = rebuild(0, 2);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), Errc::kConflict);
  EXPECT_FALSE(run(at(4).status())->volumes.size() > 0) << "nothing was adopted";
}

TEST_F(StripedRebuild, RebuildNothingFromShardsThatContradictEachOther) {
  begin(kTwoTwo);
  ASSERT_TRUE(put(1, 200'000).has_value());
  // Somebody swapped two disks: each server has a shard that is not its own.
  StripeSources from{kTwoTwo, 0, {member(1), member(2)}};
  std::swap(from.members[0].address, from.members[1].address);
  const auto refused = run(rebuild_shard(*this, kStriped, Generation{1}, from, NeedleKey{1}));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), Errc::kCorruption);
}

TEST_F(StripedRebuild, LeaveOutWhatWasNeverAcknowledgedWhenRebuilt) {
  begin(kTwoTwo);
  ASSERT_TRUE(put(1, 2 << 20).has_value());
  for (const std::uint32_t i : {1U, 2U, 3U}) disk(i).fail_nth(DiskOp::kSync, 1);
  ASSERT_FALSE(put(2, 2 << 20).has_value());
  for (std::uint32_t i = 0; i < 4; ++i) {
    disk(i).crash_losing_all();
    start(i);
  }
  freeze(2);
  const auto rebuilt = rebuild(1, 2);
  ASSERT_TRUE(rebuilt.has_value()) << rebuilt.error().message();
  EXPECT_EQ(rebuilt->needles, 1U);
}

TEST_F(StripedRebuild, GoOnWithARebuildThatWasInterrupted) {
  begin(kTwoTwo);
  for (std::uint64_t key = 1; key <= 5; ++key) ASSERT_TRUE(put(key, 300'000).has_value());
  freeze(2);
  disk(4).fail_nth(DiskOp::kWrite, 4);
  ASSERT_FALSE(rebuild(1, 2).has_value());
  start(4);
  const auto rebuilt = rebuild(1, 2);
  ASSERT_TRUE(rebuilt.has_value()) << rebuilt.error().message();
  EXPECT_EQ(rebuilt->needles, 5U);
}

TEST_F(StripedRebuild, MakeInALaterAttemptWhatTheSourcesOfAnEarlierOneLacked) {
  begin(kTwoTwo);
  for (std::uint64_t key = 1; key <= 5; ++key) ASSERT_TRUE(put(key, 300'000).has_value());
  ASSERT_TRUE(run(at(2).remove({fid_of(1)})).has_value());
  freeze(2);
  disk(4).fail_nth(DiskOp::kWrite, 4);
  const StripeSources few{kTwoTwo, 1, {member(0), member(2)}};
  ASSERT_FALSE(run(at(4).rebuild(kStriped, Generation{2}, "", few, Urgency::kRepair)).has_value());
  start(4);
  const auto rebuilt = rebuild(1, 2);
  ASSERT_TRUE(rebuilt.has_value()) << rebuilt.error().message();
  EXPECT_EQ(rebuilt->needles, 5U);
}

}  // namespace
}  // namespace kelp::test
