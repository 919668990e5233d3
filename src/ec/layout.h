#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "ec/scheme.h"

namespace kelp {

// Where a byte lies. A body is cut into cells of kEcCellBytes; cell c lies in data shard c % k, as
// that shard's cell c / k. The k cells of one number are a row, and cell r of each parity shard is
// computed from row r. Nothing of this depends on the body's length, which only says where the last
// row ends; cells that are not there count as zeros. Source: docs/formats/ec.md.

/// Bytes of a cell; also those under one checksum of a needle, so that a cell is read and verified
/// without its neighbours.
inline constexpr std::uint64_t kEcCellBytes = 64 * 1024;

/// Bytes of a row: as many of the body as there are under one cell of parity.
[[nodiscard]] constexpr std::uint64_t ec_row_bytes(EcScheme scheme) {
  return scheme.data * kEcCellBytes;
}

/// Bytes that shard `shard` holds of a body of `body_bytes`: a data shard those of its cells, a
/// parity shard as many as data shard 0. 0 for a data shard beyond a short body's end.
[[nodiscard]] std::uint64_t shard_bytes(EcScheme scheme, std::uint32_t shard,
                                        std::uint64_t body_bytes);

/// Which part of which stripe some bytes are.
struct StripePart {
  EcScheme scheme;
  std::uint8_t shard = 0;
  std::uint64_t body_bytes = 0;  ///< Of the whole body.
  friend bool operator==(const StripePart&, const StripePart&) = default;
};

/// Bytes that are stored for a part: those of its shard; a shard without any has one zero byte, so
/// that every member of a stripe has something that can be verified.
[[nodiscard]] std::uint64_t stored_bytes(const StripePart& part);

/// Bytes of a shard.
struct ShardRange {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;  ///< Past the last one.
  [[nodiscard]] std::uint64_t size() const { return end - begin; }
  [[nodiscard]] bool empty() const { return begin == end; }
  friend bool operator==(const ShardRange&, const ShardRange&) = default;
};

/// The bytes of data shard `shard` that hold body bytes [offset, offset + bytes): always one range,
/// since consecutive cells of a shard lie one after the other. Empty when it holds none of them.
[[nodiscard]] ShardRange range_in_shard(EcScheme scheme, std::uint32_t shard, std::uint64_t offset,
                                        std::uint64_t bytes);

/// A run of body bytes that lies in one cell.
struct CellPiece {
  std::uint32_t shard = 0;
  std::uint64_t shard_offset = 0;
  std::uint64_t body_offset = 0;
  std::uint64_t bytes = 0;
  friend bool operator==(const CellPiece&, const CellPiece&) = default;
};

/// Body bytes [offset, offset + bytes) cut at the borders of cells, in the body's order.
[[nodiscard]] std::vector<CellPiece> cut_into_cells(EcScheme scheme, std::uint64_t offset,
                                                    std::uint64_t bytes);

}  // namespace kelp
