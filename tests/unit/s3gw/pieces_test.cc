#include "s3gw/core/pieces.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <vector>

namespace kelp::s3 {
namespace {

FileId fid(std::uint64_t key) {
  return {.volume = VolumeId{1}, .key = NeedleKey{key}};
}

std::vector<Piece> cut(const std::vector<Chunk>& chunks, std::uint64_t offset, std::uint64_t bytes,
                       std::size_t piece_bytes) {
  PieceCursor cursor(chunks, offset, bytes, piece_bytes);
  std::vector<Piece> pieces;
  while (const auto piece = cursor.next()) pieces.push_back(*piece);
  return pieces;
}

TEST(PieceCursor, StaysInsideNeedlesAndStretches) {
  const std::vector<Chunk> chunks{{fid(1), 10}, {fid(2), 3}, {fid(3), 9}};
  const std::vector<Piece> all{{fid(1), 0, 4}, {fid(1), 4, 4}, {fid(1), 8, 2}, {fid(2), 0, 3},
                               {fid(3), 0, 4}, {fid(3), 4, 4}, {fid(3), 8, 1}};
  EXPECT_EQ(cut(chunks, 0, 22, 4), all);
  const std::vector<Piece> middle{{fid(1), 9, 1}, {fid(2), 0, 3}, {fid(3), 0, 1}};
  EXPECT_EQ(cut(chunks, 9, 5, 4), middle);
  const std::vector<Piece> aligned{{fid(1), 3, 1}, {fid(1), 4, 1}};
  EXPECT_EQ(cut(chunks, 3, 2, 4), aligned);
  const std::vector<Piece> last{{fid(3), 8, 1}};
  EXPECT_EQ(cut(chunks, 21, 1, 4), last);
}

TEST(PieceCursor, CoversEveryRangeExactly) {
  const std::vector<Chunk> chunks{{fid(1), 5}, {fid(2), 1}, {fid(3), 8}};
  const std::vector<std::uint64_t> starts{0, 5, 6};
  for (std::uint64_t offset = 0; offset < 14; ++offset) {
    for (std::uint64_t bytes = 1; offset + bytes <= 14; ++bytes) {
      std::uint64_t at = offset;
      for (const Piece& piece : cut(chunks, offset, bytes, 3)) {
        EXPECT_EQ(starts[piece.fid.key.value - 1] + piece.offset, at);
        EXPECT_GT(piece.bytes, 0U);
        at += piece.bytes;
      }
      EXPECT_EQ(at, offset + bytes);
    }
  }
}

Chunk manifest(std::uint64_t id, std::uint64_t size_bytes) {
  return {{kManifests, NeedleKey{id}, Cookie{0}}, size_bytes};
}

/// Every manifest holds two needles: of one byte, and of what is left.
std::vector<Piece> cut_through(const std::vector<Chunk>& chunks, std::uint64_t offset,
                               std::uint64_t bytes, std::vector<std::uint64_t>& opened) {
  PieceCursor cursor(chunks, offset, bytes, 3);
  std::vector<Piece> pieces;
  for (;;) {
    while (const auto piece = cursor.next()) pieces.push_back(*piece);
    const auto wanted = cursor.wanted();
    if (!wanted) return pieces;
    opened.push_back(*wanted);
    const auto named = std::ranges::find(chunks, NeedleKey{*wanted}, [](const Chunk& chunk) {
      return chunk.is_manifest() ? chunk.fid.key : NeedleKey{0};
    });
    EXPECT_TRUE(cursor.open({{fid(*wanted), 1}, {fid(*wanted + 1), named->size_bytes - 1}}));
  }
}

TEST(PieceCursor, GoesThroughManifestsAndOpensOnlyThoseThatItNeeds) {
  // The bytes, by needle: 1: 0-4, 10: 5, 11: 6-9, 20: 10, 21: 11-15, 2: 16-17.
  const std::vector<Chunk> chunks{{fid(1), 5}, manifest(10, 5), manifest(20, 6), {fid(2), 2}};
  const std::map<std::uint64_t, std::uint64_t> starts{{1, 0},   {10, 5},  {11, 6},
                                                      {20, 10}, {21, 11}, {2, 16}};
  for (std::uint64_t offset = 0; offset < 18; ++offset) {
    for (std::uint64_t bytes = 1; offset + bytes <= 18; ++bytes) {
      std::uint64_t at = offset;
      std::vector<std::uint64_t> opened;
      for (const Piece& piece : cut_through(chunks, offset, bytes, opened)) {
        EXPECT_EQ(starts.at(piece.fid.key.value) + piece.offset, at);
        at += piece.bytes;
      }
      EXPECT_EQ(at, offset + bytes);
      std::vector<std::uint64_t> needed;
      if (offset < 10 && offset + bytes > 5) needed.push_back(10);
      if (offset < 16 && offset + bytes > 10) needed.push_back(20);
      EXPECT_EQ(opened, needed) << offset << " " << bytes;
    }
  }
}

TEST(PieceCursor, RefusesAManifestThatIsNotWhatItsNameSays) {
  const std::vector<Chunk> chunks{manifest(10, 5)};
  PieceCursor cursor(chunks, 0, 5, 3);
  EXPECT_FALSE(cursor.next());
  EXPECT_EQ(cursor.open({{fid(1), 4}}).error().code(), Errc::kCorruption);
  EXPECT_EQ(cursor.open({manifest(11, 5)}).error().code(), Errc::kCorruption);
  EXPECT_TRUE(cursor.open({{fid(1), 5}}));
  EXPECT_EQ(cursor.next(), (Piece{fid(1), 0, 3}));
}

TEST(PieceCursor, AnEmptyRangeHasNoPieces) {
  EXPECT_TRUE(cut({}, 0, 0, 4).empty());
}

}  // namespace
}  // namespace kelp::s3
