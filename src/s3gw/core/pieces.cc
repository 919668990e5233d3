#include "s3gw/core/pieces.h"

#include <algorithm>

#include "base/assert.h"

namespace kelp::s3 {

PieceCursor::PieceCursor(std::span<const Chunk> chunks, std::uint64_t offset, std::uint64_t bytes,
                         std::size_t piece_bytes)
    : chunks_(chunks), offset_(offset), left_(bytes), piece_bytes_(piece_bytes) {
  while (!chunks_.empty() && offset_ >= chunks_.front().size_bytes) {
    offset_ -= chunks_.front().size_bytes;
    chunks_ = chunks_.subspan(1);
  }
}

std::optional<Piece> PieceCursor::next() {
  if (left_ == 0) return std::nullopt;
  while (!chunks_.empty() && offset_ == chunks_.front().size_bytes) {
    offset_ = 0;
    chunks_ = chunks_.subspan(1);
  }
  KELP_ASSERT(!chunks_.empty(), "a range lies inside its object");
  const Chunk& chunk = chunks_.front();
  const std::uint64_t stretch = piece_bytes_ - offset_ % piece_bytes_;
  const std::uint64_t bytes = std::min({left_, chunk.size_bytes - offset_, stretch});
  const Piece piece{.fid = chunk.fid, .offset = offset_, .bytes = static_cast<std::size_t>(bytes)};
  offset_ += bytes;
  left_ -= bytes;
  return piece;
}

WholeNeedles whole_needles(std::span<const Chunk> chunks, ByteRange range) {
  WholeNeedles found{.head = range, .chunks = {}, .tail = {}};
  const std::uint64_t end = range.offset + range.size_bytes;
  std::uint64_t at = 0;
  for (const Chunk& chunk : chunks) {
    const std::uint64_t next = at + chunk.size_bytes;
    if (at >= range.offset && next <= end) {
      if (found.chunks.empty()) found.head.size_bytes = at - range.offset;
      found.chunks.push_back(chunk);
      found.tail = {.offset = next, .size_bytes = end - next};
    }
    at = next;
  }
  return found;
}

}  // namespace kelp::s3
