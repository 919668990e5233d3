#include "s3gw/core/pieces.h"

#include <gtest/gtest.h>

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

TEST(PieceCursor, AnEmptyRangeHasNoPieces) {
  EXPECT_TRUE(cut({}, 0, 0, 4).empty());
}

}  // namespace
}  // namespace kelp::s3
