#include "s3gw/core/pieces.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace kelp::s3 {

void PieceCursor::Place::skip_read() {
  while (!chunks.empty() && offset >= chunks.front().size_bytes) {
    offset -= chunks.front().size_bytes;
    chunks = chunks.subspan(1);
  }
}

PieceCursor::PieceCursor(std::span<const Chunk> chunks, std::uint64_t offset, std::uint64_t bytes,
                         std::size_t piece_bytes)
    : object_{chunks, offset}, left_(bytes), piece_bytes_(piece_bytes) {
  if (left_ > 0) object_.skip_read();
}

std::optional<Piece> PieceCursor::next() {
  if (left_ == 0 || wanted()) return std::nullopt;
  Place& place = manifest_.chunks.empty() ? object_ : manifest_;
  KELP_ASSERT(!place.chunks.empty(), "a range lies inside its object");
  const Chunk& chunk = place.chunks.front();
  const std::uint64_t stretch = piece_bytes_ - place.offset % piece_bytes_;
  const std::uint64_t bytes = std::min({left_, chunk.size_bytes - place.offset, stretch});
  const Piece piece{
      .fid = chunk.fid, .offset = place.offset, .bytes = static_cast<std::size_t>(bytes)};
  place.offset += bytes;
  left_ -= bytes;
  if (left_ > 0) place.skip_read();
  return piece;
}

std::optional<std::uint64_t> PieceCursor::wanted() const {
  if (left_ == 0 || !manifest_.chunks.empty() || object_.chunks.empty()) return std::nullopt;
  const Chunk& chunk = object_.chunks.front();
  if (!chunk.is_manifest()) return std::nullopt;
  return chunk.fid.key.value;
}

Result<void> PieceCursor::open(std::vector<Chunk> chunks) {
  const Chunk& chunk = object_.chunks.front();
  std::uint64_t bytes = 0;
  for (const Chunk& each : chunks) bytes += each.size_bytes;
  if (bytes != chunk.size_bytes || any_manifest(chunks)) {
    return Error(Errc::kCorruption, fmt::format("manifest {}: {} bytes, {} are named",
                                                chunk.fid.key.value, bytes, chunk.size_bytes));
  }
  opened_ = std::move(chunks);
  manifest_ = {opened_, object_.offset};
  manifest_.skip_read();
  object_ = {object_.chunks.subspan(1), 0};
  object_.skip_read();
  return {};
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
