#include "ec/layout.h"

#include <gtest/gtest.h>

#include <string>

#include "base/rng.h"

namespace kelp {
namespace {

constexpr EcScheme kFourTwo{.data = 4, .parity = 2};

EcScheme random_scheme(Rng& rng) {
  const auto data = static_cast<std::uint8_t>(2 + rng.below(30));
  const auto parity = static_cast<std::uint8_t>(1 + rng.below(kMostShards - data));
  return {.data = data, .parity = parity};
}

/// Lengths around the borders of cells and rows as often as any others.
std::uint64_t random_length(Rng& rng, EcScheme scheme, std::uint64_t most) {
  const std::uint64_t unit = rng.chance(500'000) ? kEcCellBytes : ec_row_bytes(scheme);
  const std::uint64_t length =
      rng.chance(500'000) ? rng.below(most + 1) : rng.below(most / unit + 1) * unit + rng.below(3);
  return std::min(length > 0 && rng.chance(300'000) ? length - 1 : length, most);
}

TEST(EcLayout, CutsABodyIntoRowsOfCells) {
  const auto pieces = cut_into_cells(kFourTwo, 3 * kEcCellBytes - 10, kEcCellBytes + 30);
  ASSERT_EQ(pieces.size(), 3U);
  EXPECT_EQ(pieces[0], (CellPiece{.shard = 2,
                                  .shard_offset = kEcCellBytes - 10,
                                  .body_offset = 3 * kEcCellBytes - 10,
                                  .bytes = 10}));
  EXPECT_EQ(
      pieces[1],
      (CellPiece{
          .shard = 3, .shard_offset = 0, .body_offset = 3 * kEcCellBytes, .bytes = kEcCellBytes}));
  EXPECT_EQ(
      pieces[2],
      (CellPiece{
          .shard = 0, .shard_offset = kEcCellBytes, .body_offset = 4 * kEcCellBytes, .bytes = 20}));
  EXPECT_TRUE(cut_into_cells(kFourTwo, 5, 0).empty());
}

TEST(EcLayout, GivesParityShardsTheLengthOfTheLongestDataShard) {
  const std::uint64_t body = ec_row_bytes(kFourTwo) + kEcCellBytes + 7;
  EXPECT_EQ(shard_bytes(kFourTwo, 0, body), 2 * kEcCellBytes);
  EXPECT_EQ(shard_bytes(kFourTwo, 1, body), kEcCellBytes + 7);
  EXPECT_EQ(shard_bytes(kFourTwo, 2, body), kEcCellBytes);
  EXPECT_EQ(shard_bytes(kFourTwo, 3, body), kEcCellBytes);
  EXPECT_EQ(shard_bytes(kFourTwo, 4, body), 2 * kEcCellBytes);
  EXPECT_EQ(shard_bytes(kFourTwo, 5, body), 2 * kEcCellBytes);
  EXPECT_EQ(shard_bytes(kFourTwo, 1, 10), 0U);
  EXPECT_EQ(shard_bytes(kFourTwo, 5, 10), 10U);
}

TEST(EcLayout, PutsEachByteOfABodyInOneShardOnceWithoutGaps) {
  Rng rng(1);
  for (int round = 0; round < 300; ++round) {
    const EcScheme scheme = random_scheme(rng);
    const std::uint64_t body = random_length(rng, scheme, 8 << 20);
    std::vector<std::uint64_t> filled(scheme.data, 0);
    std::uint64_t at = 0;
    for (const CellPiece& piece : cut_into_cells(scheme, 0, body)) {
      ASSERT_EQ(piece.body_offset, at);
      ASSERT_LT(piece.shard, scheme.data);
      // Consecutive cells of a shard lie one after the other.
      ASSERT_EQ(piece.shard_offset, filled[piece.shard]);
      filled[piece.shard] += piece.bytes;
      at += piece.bytes;
    }
    ASSERT_EQ(at, body);
    std::uint64_t longest = 0;
    for (std::uint32_t shard = 0; shard < scheme.data; ++shard) {
      ASSERT_EQ(shard_bytes(scheme, shard, body), filled[shard]);
      longest = std::max(longest, filled[shard]);
    }
    for (std::uint32_t shard = scheme.data; shard < scheme.shards(); ++shard) {
      ASSERT_EQ(shard_bytes(scheme, shard, body), longest);
    }
  }
}

TEST(EcLayout, NamesForAnyRangeJustTheBytesOfEachShardThatHoldIt) {
  Rng rng(2);
  for (int round = 0; round < 3000; ++round) {
    const EcScheme scheme = random_scheme(rng);
    const std::uint64_t offset = random_length(rng, scheme, 4 << 20);
    const std::uint64_t bytes = random_length(rng, scheme, 2 << 20);
    std::vector<ShardRange> expected(scheme.data);
    for (const CellPiece& piece : cut_into_cells(scheme, offset, bytes)) {
      ShardRange& range = expected[piece.shard];
      if (range.empty()) range = {piece.shard_offset, piece.shard_offset};
      ASSERT_EQ(range.end, piece.shard_offset) << "one range without gaps";
      range.end += piece.bytes;
    }
    std::uint64_t sum = 0;
    for (std::uint32_t shard = 0; shard < scheme.data; ++shard) {
      const ShardRange range = range_in_shard(scheme, shard, offset, bytes);
      sum += range.size();
      ASSERT_EQ(range.empty(), expected[shard].empty());
      if (!range.empty()) ASSERT_EQ(range, expected[shard]);
    }
    ASSERT_EQ(sum, bytes);
  }
}

TEST(EcLayout, KeepsAPartOfEightMebibytesWithinTwoPercentOfItsScheme) {
  constexpr std::uint64_t kPart = 8 << 20;
  for (const EcScheme scheme : {EcScheme{2, 1}, EcScheme{2, 2}, EcScheme{3, 2}, EcScheme{4, 2},
                                EcScheme{6, 3}, EcScheme{8, 4}, EcScheme{10, 4}}) {
    std::uint64_t stored = 0;
    for (std::uint32_t i = 0; i < scheme.shards(); ++i) stored += shard_bytes(scheme, i, kPart);
    EXPECT_LE(static_cast<double>(stored), 1.02 * kPart * scheme.shards() / scheme.data)
        << to_string(scheme);
  }
}

}  // namespace
}  // namespace kelp
