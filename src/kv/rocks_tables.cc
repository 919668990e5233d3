#include "kv/rocks_tables.h"

#include <fmt/format.h>
#include <rocksdb/cache.h>
#include <rocksdb/convenience.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/table_properties_collectors.h>

#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstdio>
#include <filesystem>

#include "base/log.h"
#include "kv/rocks_crc32c.h"
#include "kv/rocks_files.h"
#include "kv/rocks_wal_check.h"
#include "os/posix_file_io.h"

namespace kelp {
namespace {

constexpr std::uint64_t kMiB = 1ULL << 20;
constexpr const char* kBulkName = "bulk";

/// RocksDB's warnings and errors go to our log; it writes no LOG files of its own.
class LogBridge final : public rocksdb::Logger {
 public:
  LogBridge() : rocksdb::Logger(rocksdb::InfoLogLevel::WARN_LEVEL) {}
  using rocksdb::Logger::Logv;
  void LogHeader(const char*, va_list) override {}
  void Logv(const char* format, va_list arguments) override {
    Logv(rocksdb::InfoLogLevel::WARN_LEVEL, format, arguments);
  }
  void Logv(const rocksdb::InfoLogLevel level, const char* format, va_list arguments) override {
    if (level < GetInfoLogLevel()) return;
    std::array<char, 512> line{};
    std::vsnprintf(line.data(), line.size(), format, arguments);
    const auto severity =
        level >= rocksdb::InfoLogLevel::ERROR_LEVEL ? spdlog::level::err : spdlog::level::warn;
    logger("kv").log(severity, "rocksdb message={}", log_value(line.data()));
  }
};

rocksdb::DBOptions db_options(const RocksKvOptions& options) {
  rocksdb::DBOptions db;
  db.create_if_missing = true;
  db.create_missing_column_families = true;
  db.info_log = std::make_shared<LogBridge>();
  db.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
  db.stats_dump_period_sec = 0;
  db.stats_persist_period_sec = 0;
  // One writer, the committer: no need for what lets many fill a memtable.
  db.allow_concurrent_memtable_write = false;
  db.enable_write_thread_adaptive_yield = false;
  db.max_background_jobs = 2;
  db.max_open_files = 512;
  db.max_file_opening_threads = 2;
  db.skip_stats_update_on_db_open = true;
  db.avoid_unnecessary_blocking_io = true;
  // What a restart has to replay.
  db.max_total_wal_size = 2 * options.write_buffer_bytes;
  db.max_manifest_file_size = 8 * kMiB;
  // Spread the writeback of a flush, so that it does not sit in front of a log sync.
  db.bytes_per_sync = kMiB;
  db.track_and_verify_wals_in_manifest = options.sync;
  return db;
}

rocksdb::BlockBasedTableOptions table_options(const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  // Inside the cache, so that memory does not grow with the number of rows.
  table.cache_index_and_filter_blocks = true;
  table.cache_index_and_filter_blocks_with_high_priority = true;
  table.format_version = 5;
  table.optimize_filters_for_memory = true;
  return table;
}

/// The first for fresh tables (level 0), the second for all others. They differ on purpose: RocksDB
/// moves a table down a level without rewriting it when the compression stays the same, and then
/// the deleted rows in it would stay for ever.
std::vector<rocksdb::CompressionType> row_compression() {
  const auto known = rocksdb::GetSupportedCompressions();
  const auto or_none = [&](rocksdb::CompressionType type) {
    return std::ranges::find(known, type) != known.end() ? type : rocksdb::kNoCompression;
  };
  return {or_none(rocksdb::kSnappyCompression), or_none(rocksdb::kLZ4Compression)};
}

rocksdb::ColumnFamilyOptions row_options(const RocksKvOptions& options,
                                         const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::BlockBasedTableOptions table = table_options(cache);
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  rocksdb::ColumnFamilyOptions rows;
  rows.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  rows.compression_per_level = row_compression();
  rows.write_buffer_size = options.write_buffer_bytes;
  rows.max_write_buffer_number = 3;  // One may be flushed early, for its deletions.
  rows.memtable_prefix_bloom_size_ratio = 0.02;
  rows.memtable_whole_key_filtering = true;
  rows.max_bytes_for_level_base = 64 * kMiB;
  rows.target_file_size_base = 32 * kMiB;
  rows.level_compaction_dynamic_level_bytes = true;
  // A queue's worn-out front must not slow the scans that start there.
  rows.table_properties_collector_factories.push_back(
      rocksdb::NewCompactOnDeletionCollectorFactory(2048, 1024, 0.5));
  return rows;
}

rocksdb::ColumnFamilyOptions bulk_options(const RocksKvOptions& options,
                                          const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::ColumnFamilyOptions bulk;
  // No filter: bulk rows are asked for only when a metadata row names them.
  bulk.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table_options(cache)));
  bulk.compression = rocksdb::kNoCompression;
  bulk.write_buffer_size = options.write_buffer_bytes;
  bulk.max_write_buffer_number = 2;
  bulk.max_bytes_for_level_base = 64 * kMiB;
  bulk.target_file_size_base = 8 * kMiB;
  bulk.level_compaction_dynamic_level_bytes = true;
  // No cache of values either: what is read again is kept as a row, the rest by the page cache.
  bulk.enable_blob_files = true;
  bulk.min_blob_size = 512;
  bulk.blob_compression_type = rocksdb::kNoCompression;
  bulk.enable_blob_garbage_collection = true;
  bulk.blob_garbage_collection_age_cutoff = 0.25;
  bulk.blob_garbage_collection_force_threshold = 0.5;
  return bulk;
}

Error open_error(const rocksdb::Status& status, const RocksKvOptions& options) {
  const std::string text = status.ToString();
  if (text.find("/LOCK: ") != std::string::npos) {
    return {Errc::kUnavailable,
            fmt::format("kv: {} is open in another process ({})", options.path, text)};
  }
  Error error = to_error(status, fmt::format("open {}", options.path));
  // What is neither the disk nor a lock is files that RocksDB does not take.
  if (!status.IsIOError()) return {Errc::kCorruption, error.detail()};
  return error;
}

/// Chooses how the log is replayed. Synced stores: to the last byte, unless the newest log ends in
/// a torn write, which nobody was told of. With durability "os" a power cut may leave any part of
/// the log, and what comes before the first hole is kept.
Result<rocksdb::WALRecoveryMode> choose_recovery(const RocksKvOptions& options) {
  if (!options.sync) return rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  // Not while another process writes the log: its newest record would look torn.
  rocksdb::Env* const env = rocksdb::Env::Default();
  rocksdb::FileLock* lock = nullptr;
  const rocksdb::Status locked = env->LockFile(options.path + "/LOCK", &lock);
  if (!locked.ok()) return open_error(locked, options);
  env->UnlockFile(lock).PermitUncheckedError();
  KELP_TRY(const WalCheck log, check_rocks_wal(options.path));
  if (!log.torn_tail) return rocksdb::WALRecoveryMode::kAbsoluteConsistency;
  logger("kv").warn("torn_log_tail_dropped log={} good_bytes={}", log.log, log.good_bytes);
  return rocksdb::WALRecoveryMode::kPointInTimeRecovery;
}

/// Makes the directory and its name durable.
Result<void> make_directory(const std::string& path) {
  rocksdb::Env* const env = rocksdb::Env::Default();
  if (env->FileExists(path).ok()) return {};
  rocksdb::Status status = env->CreateDirIfMissing(path);
  const auto parent = std::filesystem::absolute(path).parent_path().string();
  std::unique_ptr<rocksdb::Directory> directory;
  if (status.ok()) status = env->NewDirectory(parent, &directory);
  if (status.ok()) status = directory->Fsync();
  if (!status.ok()) return to_error(status, "make " + path);
  return {};
}

}  // namespace

Error to_error(const rocksdb::Status& status, std::string_view doing) {
  auto detail = fmt::format("kv: {}: {}", doing, status.ToString());
  if (status.IsCorruption()) return {Errc::kCorruption, std::move(detail)};
  if (status.IsNoSpace()) return {Errc::kNoSpace, std::move(detail)};
  return {Errc::kIo, std::move(detail)};
}

void RocksTables::close() {
  if (!db) return;
  for (auto* family : {rows, bulk}) {
    if (family != nullptr) db->DestroyColumnFamilyHandle(family).PermitUncheckedError();
  }
  const rocksdb::Status status = db->Close();
  if (!status.ok()) logger("kv").error("close error={}", log_value(status.ToString()));
  db.reset();
}

Result<RocksTables> open_rocks_tables(const RocksKvOptions& options) {
  use_own_crc32c_in_rocksdb();
  KELP_CHECK(make_directory(options.path));
  std::unique_ptr<rocksdb::Env> env = make_rocks_env(make_posix_file_io());
  rocksdb::DBOptions db_how = db_options(options);
  db_how.env = env.get();
  KELP_TRY(db_how.wal_recovery_mode, choose_recovery(options));
  rocksdb::LRUCacheOptions cache_options;
  cache_options.capacity = options.cache_bytes - row_cache_bytes(options);
  cache_options.num_shard_bits = 2;
  cache_options.high_pri_pool_ratio = 0.5;
  const std::shared_ptr<rocksdb::Cache> cache = rocksdb::NewLRUCache(cache_options);
  const std::vector<rocksdb::ColumnFamilyDescriptor> families = {
      {rocksdb::kDefaultColumnFamilyName, row_options(options, cache)},
      {kBulkName, bulk_options(options, cache)}};
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  const rocksdb::Status status = rocksdb::DB::Open(db_how, options.path, families, &handles, &db);
  if (!status.ok()) return open_error(status, options);
  RocksTables tables{.env = std::move(env),
                     .db = std::unique_ptr<rocksdb::DB>(db),
                     .rows = handles[0],
                     .bulk = handles[1]};
  if (options.bulk_prefix != 0) {
    tables.bulk_begin = options.bulk_prefix;
    tables.bulk_end = static_cast<char>(options.bulk_prefix + options.bulk_prefixes);
  }
  return tables;
}

}  // namespace kelp
