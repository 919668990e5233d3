#include "ec/layout.h"

#include <algorithm>

namespace kelp {
namespace {

/// How many bytes of shard `shard` lie in front of body byte `offset`.
std::uint64_t bytes_before(EcScheme scheme, std::uint32_t shard, std::uint64_t offset) {
  const std::uint64_t row = offset / ec_row_bytes(scheme);
  const std::uint64_t in_row = offset % ec_row_bytes(scheme);
  const std::uint64_t cell_begin = shard * kEcCellBytes;
  const std::uint64_t in_cell =
      in_row > cell_begin ? std::min(in_row - cell_begin, kEcCellBytes) : 0;
  return row * kEcCellBytes + in_cell;
}

}  // namespace

std::uint64_t shard_bytes(EcScheme scheme, std::uint32_t shard, std::uint64_t body_bytes) {
  return bytes_before(scheme, shard < scheme.data ? shard : 0, body_bytes);
}

std::uint64_t stored_bytes(const StripePart& part) {
  return std::max<std::uint64_t>(shard_bytes(part.scheme, part.shard, part.body_bytes), 1);
}

ShardRange range_in_shard(EcScheme scheme, std::uint32_t shard, std::uint64_t offset,
                          std::uint64_t bytes) {
  return {bytes_before(scheme, shard, offset), bytes_before(scheme, shard, offset + bytes)};
}

std::vector<CellPiece> cut_into_cells(EcScheme scheme, std::uint64_t offset, std::uint64_t bytes) {
  std::vector<CellPiece> pieces;
  pieces.reserve(bytes / kEcCellBytes + 2);
  const std::uint64_t end = offset + bytes;
  while (offset < end) {
    const std::uint64_t cell = offset / kEcCellBytes;
    const std::uint64_t in_cell = offset % kEcCellBytes;
    const std::uint64_t take = std::min(end - offset, kEcCellBytes - in_cell);
    pieces.push_back({.shard = static_cast<std::uint32_t>(cell % scheme.data),
                      .shard_offset = cell / scheme.data * kEcCellBytes + in_cell,
                      .body_offset = offset,
                      .bytes = take});
    offset += take;
  }
  return pieces;
}

}  // namespace kelp
