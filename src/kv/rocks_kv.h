#pragma once

#include "kv/kv_store.h"

namespace kelp {

/// Where the database is and what it may use.
struct RocksKvOptions {
  std::string path;  ///< Made when missing.
  bool sync = true;  ///< False: durability "os", the log stays in the page cache.
  std::uint64_t cache_bytes = 32ULL << 20;  ///< Rows and blocks, half each.
  std::uint64_t write_buffer_bytes =
      16ULL << 20;                   ///< Of a memtable; three of metadata and two of bulk at most.
  std::size_t queue_limit = 16'384;  ///< Commits waiting,
  std::size_t queue_bytes = 64U << 20;  ///< and their bytes.
  /// Rows whose key starts with this byte hold bulk values (inline bodies): kept apart in blob
  /// files, so that neither compaction nor listings carry them. A scan, unlike a cursor, never
  /// mixes them with other rows. 0 means none.
  char bulk_prefix = 0;
  /// So many first bytes, from bulk_prefix on, are those of bulk rows. The same at every opening.
  std::uint8_t bulk_prefixes = 1;
  /// Free bytes of the disk below which commits get kNoSpace; those that delete something pass down
  /// to half of it.
  std::uint64_t reserve_bytes = 64ULL << 20;
};

/// The embedded engine. Conditions and writes of all callers go through one committer thread, which
/// checks them in order and writes what has gathered with one sync of the log
/// (docs/adr/0002-metadata-contract.md). kUnavailable when another process has it open, kCorruption
/// when RocksDB refuses its files.
[[nodiscard]] Result<std::unique_ptr<KvStore>> open_rocks_kv(RocksKvOptions options);

}  // namespace kelp
