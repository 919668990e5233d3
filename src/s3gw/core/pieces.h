#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "kelp/result.h"
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
  PieceCursor(const PieceCursor&) = delete;
  PieceCursor& operator=(const PieceCursor&) = delete;
  /// Nothing at the end, or when a manifest must be opened first.
  [[nodiscard]] std::optional<Piece> next();
  /// The manifest in which the range goes on; nothing otherwise.
  [[nodiscard]] std::optional<std::uint64_t> wanted() const;
  /// Goes on in the chunks of the wanted() manifest. kCorruption when they are others than it says.
  [[nodiscard]] Result<void> open(std::vector<Chunk> chunks);

 private:
  /// A list of chunks, and where in it the next byte lies.
  struct Place {
    std::span<const Chunk> chunks;  ///< What is left; the first one is being read.
    std::uint64_t offset = 0;       ///< In the first chunk.
    void skip_read();
  };
  Place object_;
  std::vector<Chunk> opened_;  ///< Of the manifest that object_ has passed.
  Place manifest_;             ///< In opened_.
  std::uint64_t left_;
  std::size_t piece_bytes_;
};

/// A byte range of an object as whole needles and manifests with what is left at its ends, in
/// order; without a whole one all of it is `head`.
struct WholeNeedles {
  ByteRange head;  ///< May be empty, as `tail`.
  std::vector<Chunk> chunks;
  ByteRange tail;
};
/// `range` must lie inside the sum of `chunks`.
[[nodiscard]] WholeNeedles whole_needles(std::span<const Chunk> chunks, ByteRange range);

}  // namespace kelp::s3
