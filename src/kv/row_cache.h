#pragma once

#include <array>
#include <atomic>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kv/kv_store.h"

namespace kelp {

/// Rows that are read again and again, for an engine all of whose writes pass through one place.
///
/// Never stale: a write takes its rows out before it is queued, and what was read from the engine
/// while a write of the row was under way, or before one began, is not let in. So whatever is found
/// here is what the engine would answer. A row is let in when it is read a second time; the least
/// recently used ones make room. Thread-safe.
class RowCache {
 public:
  /// At most `bytes` of keys and values, with what keeping them takes.
  explicit RowCache(std::size_t bytes);

  /// From before a read of the engine to insert(): which writes it may have missed.
  struct Ticket {
    std::uint64_t hash = 0;
    std::uint32_t writes = 0;
    std::uint32_t clears = 0;
    bool quiet = false;  ///< No write of the row was under way.
  };
  struct Found {
    std::optional<std::string> value;
    Ticket ticket;  ///< Without a value: for insert().
  };
  [[nodiscard]] Found find(std::string_view key);
  /// Keeps what the engine answered after find() gave `ticket`, if that may be kept.
  void insert(const Ticket& ticket, std::string_view key, std::string_view value);

  /// A write under way.
  struct Write {
    std::vector<std::uint32_t> marks;
    bool clears = false;
  };
  /// Before `batch` is given to the engine.
  [[nodiscard]] Write begin_write(const KvBatch& batch);
  /// When it is written, or never will be.
  void end_write(const Write& write);

 private:
  static constexpr std::size_t kShards = 32;
  static constexpr std::size_t kMarks = 128;  // In a shard: how finely writes are told apart.
  // In a shard: reads that are remembered, by hash in sets that forget their oldest.
  static constexpr std::size_t kSeenSets = 256;
  static constexpr std::size_t kSeenInSet = 4;

  struct Row {
    std::uint64_t hash;
    std::string key;
    std::shared_ptr<const std::string> value;  ///< Copied without the lock.
  };
  struct Mark {
    std::uint32_t writes = 0;  ///< Begun so far.
    std::uint32_t under_way = 0;
  };
  struct Shard {
    std::mutex mutex;
    std::list<Row> rows;  ///< The most recently used first.
    boost::unordered_flat_map<std::uint64_t, std::list<Row>::iterator> by_hash;
    std::size_t bytes = 0;
    std::array<Mark, kMarks> marks;
    std::array<std::array<std::uint32_t, kSeenInSet>, kSeenSets> seen{};  ///< Parts of hashes.
  };

  static std::uint64_t hash_of(std::string_view key);
  static std::size_t bytes_of(const Row& row);
  static void take_out(Shard& shard, std::uint64_t hash, std::list<Row>& gone);
  static bool seen_before(Shard& shard, std::uint64_t hash);
  Shard& shard_of(std::uint64_t hash) { return shards_[hash % kShards]; }
  static Mark& mark_of(Shard& shard, std::uint64_t hash) {
    return shard.marks[hash / kShards % kMarks];
  }
  void clear();

  const std::size_t shard_bytes_;
  std::array<Shard, kShards> shards_;
  std::atomic<std::uint32_t> clears_ = 0;  ///< Begun so far: writes that may touch any row.
  std::atomic<std::uint32_t> clears_under_way_ = 0;
};

}  // namespace kelp
