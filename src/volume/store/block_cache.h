#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "async/work_pool.h"
#include "base/metrics.h"
#include "os/file_io.h"
#include "volume/core/cache_slots.h"

namespace kelp {

/// Where and how large a cache is.
struct BlockCacheOptions {
  std::string directory;    ///< Must be there; one process owns it.
  std::uint64_t bytes = 0;  ///< Of its file, at most.
};

/// What a cache works with; all outlive it. `pool` is its own, so that what it has is read while
/// all threads of a slow disk wait; end it before the cache.
struct BlockCacheParts {
  FileIo& io;
  WorkPool& pool;
  Metrics& metrics;
};

/// Pieces of logs on a quicker disk, of what clients read from slower ones
/// (docs/adr/0016-ssd-cache.md). Never the only copy of anything, empty after each start; whoever
/// reads from it checks what it reads. The first error of its disk switches it off for good: then
/// it has nothing and takes nothing. Thread-safe.
class BlockCache {
 public:
  static constexpr std::size_t kChunkBytes = 64 * 1024;

  /// Throws away what its directory has of a cache before. Blocks. One that cannot be opened is
  /// off, and says so in the log.
  BlockCache(BlockCacheOptions options, BlockCacheParts parts);
  ~BlockCache();

  [[nodiscard]] bool on() const { return on_.load(std::memory_order_relaxed); }
  [[nodiscard]] WorkPool& pool() const { return parts_.pool; }
  /// As CacheSlots says.
  std::uint32_t begin_log();
  void end_log(std::uint32_t log);
  void note(ChunkId id);
  [[nodiscard]] bool has(ChunkId id) const;

  /// Fills `buffer` with the chunk's bytes from `at` on. False when it is not here, or `may_wait`
  /// is false and the disk would have to be waited for.
  bool read(ChunkId id, std::size_t at, MutableByteSpan buffer, bool may_wait);
  /// Whether a chunk that was not here may come in now: then put() or give_up() is due.
  [[nodiscard]] std::optional<CacheSlots::Slot> admit(ChunkId id);
  /// Writes the whole chunk. Blocks.
  void put(CacheSlots::Slot slot, ChunkId id, ByteSpan chunk);
  void give_up(CacheSlots::Slot slot);
  /// False when it was not here.
  bool drop(ChunkId id);
  /// A reader missed chunks here; or found that some do not check, and the slower disk's do.
  void count_misses(std::size_t chunks);
  void count_bad();

  /// Memory that it takes.
  [[nodiscard]] std::size_t memory_bytes() const;

 private:
  struct Probe {
    explicit Probe(Metrics& metrics);
    prometheus::Counter& hits;
    prometheus::Counter& hit_bytes;
    prometheus::Counter& misses;
    prometheus::Counter& admitted;
    prometheus::Counter& evicted;
    prometheus::Counter& bad;
    prometheus::Gauge& bytes;
    prometheus::Gauge& off;
  };

  Result<void> open();
  void switch_off(const Error& error);
  void show_use();

  const BlockCacheOptions options_;
  const BlockCacheParts parts_;
  Probe probe_;
  std::unique_ptr<DirLock> lock_;
  std::unique_ptr<File> file_;
  std::atomic<bool> on_ = false;
  mutable std::mutex mutex_;         ///< Guards all below; a leaf, held for moments.
  std::optional<CacheSlots> slots_;  ///< Nothing when it could not be opened.
  std::uint64_t evicted_ = 0;        ///< That the probe knows of.
};

}  // namespace kelp
