#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "s3gw/core/range.h"
#include "wire/entry.h"

namespace kelp::s3 {

/// A read of one needle.
struct Piece {
  FileId fid;
  std::uint64_t offset = 0;
  std::size_t bytes = 0;
  friend bool operator==(const Piece&, const Piece&) = default;
};

/// Cuts a byte range of an object into reads, in order. A piece stays inside one needle and inside
/// one stretch of `piece_bytes` there, so that no checksum block is read twice.
class PieceCursor {
 public:
  /// `chunks` must outlive the cursor. [offset, offset + bytes) must lie inside of their sum.
  PieceCursor(std::span<const Chunk> chunks, std::uint64_t offset, std::uint64_t bytes,
              std::size_t piece_bytes);
  /// Nothing at the end.
  [[nodiscard]] std::optional<Piece> next();

 private:
  std::span<const Chunk> chunks_;  ///< What is left; the first one is being read.
  std::uint64_t offset_;           ///< In the first chunk.
  std::uint64_t left_;
  std::size_t piece_bytes_;
};

/// A byte range of an object as whole needles with what is left at its ends, in order; without a
/// whole one all of it is `head`.
struct WholeNeedles {
  ByteRange head;  ///< May be empty, as `tail`.
  std::vector<Chunk> chunks;
  ByteRange tail;
};
/// `range` must lie inside the sum of `chunks`.
[[nodiscard]] WholeNeedles whole_needles(std::span<const Chunk> chunks, ByteRange range);

}  // namespace kelp::s3
