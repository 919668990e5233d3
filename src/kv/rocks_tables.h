#pragma once

#include <rocksdb/db.h>

#include <memory>
#include <string>
#include <string_view>

#include "kelp/result.h"
#include "kv/rocks_kv.h"

namespace kelp {

/// An open RocksDB with its two column families, for the parts of rocks_kv. Thread-safe.
struct RocksTables {
  std::unique_ptr<rocksdb::Env> env;  ///< Outlives db.
  std::unique_ptr<rocksdb::DB> db;
  rocksdb::ColumnFamilyHandle* rows = nullptr;  ///< Owned; freed by close().
  rocksdb::ColumnFamilyHandle* bulk = nullptr;  ///< Owned; freed by close().
  std::string bulk_begin;                       ///< The keys of bulk rows; both empty: none.
  std::string bulk_end;

  /// Where `key`, or a range that begins there, lives.
  [[nodiscard]] rocksdb::ColumnFamilyHandle* of(std::string_view key) const {
    return key >= bulk_begin && key < bulk_end ? bulk : rows;
  }
  void close();
};

/// Of options.cache_bytes: for whole rows, above RocksDB; the rest is for its blocks.
[[nodiscard]] inline std::uint64_t row_cache_bytes(const RocksKvOptions& options) {
  return options.cache_bytes / 2;
}

/// Opens, or makes, the database at `options.path`. See open_rocks_kv for the errors.
[[nodiscard]] Result<RocksTables> open_rocks_tables(const RocksKvOptions& options);

/// The same memory as RocksDB's view, nothing copied.
[[nodiscard]] inline rocksdb::Slice to_slice(std::string_view bytes) {
  return {bytes.data(), bytes.size()};
}
/// The same memory as a view, nothing copied; valid as long as the slice is.
[[nodiscard]] inline std::string_view to_view(const rocksdb::Slice& slice) {
  return {slice.data(), slice.size()};
}
/// `status`, which is not OK, as what a caller can do about it; `doing` begins the detail.
[[nodiscard]] Error to_error(const rocksdb::Status& status, std::string_view doing);

}  // namespace kelp
