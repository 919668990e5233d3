#pragma once

#include <functional>
#include <memory>

#include "volume/store/block_cache.h"

namespace kelp {

/// A log for reading, whole chunks of which are kept in a cache when they are asked for more than
/// once. What comes from the cache may be damaged: check it, and forget() it. Thread-safe.
class CachedFile final : public File {
 public:
  /// The log's length up to which nothing will be written any more.
  using Settled = std::function<std::uint64_t()>;
  /// `cache` outlives it.
  CachedFile(std::shared_ptr<File> disk, BlockCache& cache, Settled settled);
  ~CachedFile() override;

  Result<std::size_t> read_at(std::uint64_t offset, MutableByteSpan buffer) override;
  /// Asks the disk only when the cache has nothing of it: even a read that may not wait makes a
  /// disk begin to read.
  Result<bool> try_read_at(std::uint64_t offset, MutableByteSpan buffer) override;
  [[nodiscard]] PinnedPages try_pin(std::uint64_t offset, std::size_t bytes,
                                    const Check& check) override {
    return disk_->try_pin(offset, bytes, check);
  }
  Result<std::uint64_t> size() override { return disk_->size(); }

  /// It is for reading.
  Result<void> write_at(std::uint64_t offset, std::span<const ByteSpan> pieces) override;
  Result<void> sync() override;
  Result<void> truncate(std::uint64_t size) override;
  Result<void> punch_hole(std::uint64_t offset, std::uint64_t length) override;

  /// Whether the cache has the chunk of this byte.
  [[nodiscard]] bool has(std::uint64_t offset) const;
  /// Drops what the cache has of [offset, offset + bytes); the number of chunks that were there.
  std::size_t forget(std::uint64_t offset, std::uint64_t bytes);

 private:
  /// The part of a read that lies in one chunk.
  struct Piece {
    ChunkId id;
    std::size_t at = 0;  ///< In the chunk.
    MutableByteSpan buffer;
  };
  [[nodiscard]] ChunkId chunk_at(std::uint64_t offset) const;
  [[nodiscard]] Piece first_piece(std::uint64_t offset, MutableByteSpan buffer) const;
  [[nodiscard]] bool works() const { return log_ != 0 && cache_.on(); }
  Result<std::size_t> read_disk(std::uint64_t offset, MutableByteSpan buffer);
  void keep(const Piece& piece, std::uint64_t settled);

  const std::shared_ptr<File> disk_;
  BlockCache& cache_;
  const Settled settled_;
  const std::uint32_t log_;
};

}  // namespace kelp
