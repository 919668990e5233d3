#pragma once

#include <rocksdb/write_batch.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "kv/group_overlay.h"
#include "kv/rocks_cursor.h"
#include "kv/rocks_tables.h"

namespace kelp {

/// The one thread that writes: takes the commits that have gathered, checks each in order against
/// the database and the group so far, writes the accepted ones as one batch with one sync, and
/// tells each its outcome. While a sync runs the next group gathers. Thread-safe.
class RocksCommitter {
 public:
  /// `tables` must outlive it.
  RocksCommitter(const RocksTables& tables, const RocksKvOptions& options);
  /// Carries out what is queued, then stops.
  ~RocksCommitter();
  RocksCommitter(const RocksCommitter&) = delete;
  RocksCommitter& operator=(const RocksCommitter&) = delete;

  /// See KvStore::commit.
  void commit(KvBatch batch, KvStore::CommitDone done);
  [[nodiscard]] KvStore::Stats stats() const;
  /// See KvStore::writable.
  [[nodiscard]] Result<void> writable() const;

 private:
  struct Pending {
    KvBatch batch;
    KvStore::CommitDone done;
    std::size_t bytes = 0;
    Result<void> outcome;
  };
  struct Counter {
    std::int64_t value = 0;
    bool changed = false;  ///< By this group: in changed_counters_ too.
  };
  struct KeyHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view key) const {
      return std::hash<std::string_view>()(key);
    }
  };
  using Counters = std::unordered_map<std::string, Counter, KeyHash, std::equal_to<>>;

  void run();
  void gather(std::unique_lock<std::mutex>& lock, std::size_t released);
  void run_group(std::span<Pending> group);
  Result<void> admit(const KvBatch& batch);
  Result<bool> holds(const KvCondition& condition);
  static bool row_holds(const KvCondition& condition, bool present, std::string_view value);
  Result<bool> range_is_empty(const KvCondition& condition);
  Result<void> load_counters(const KvBatch& batch);
  void apply(const KvBatch& batch);
  void forget_counters(std::string_view begin, std::string_view end);
  void forget_counter(std::string_view key);
  void add(std::string_view key, std::int64_t delta);
  void write_counters();
  Result<void> check_space(const KvBatch& batch) const;
  void look_at_space();
  void flush_deletes();
  void fail(const rocksdb::Status& status, std::span<Pending> group);

  const RocksTables& tables_;
  const RocksKvOptions options_;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Pending> queue_;  // Guarded by mutex_, like the next three.
  std::size_t queued_bytes_ = 0;
  static constexpr std::size_t kAwake = SIZE_MAX;
  std::size_t wake_at_ = kAwake;  ///< Length of the queue that the waiting thread wants to hear of.
  bool stopping_ = false;
  std::atomic<bool> failed_ = false;
  std::atomic<std::uint64_t> commits_ = 0;
  std::atomic<std::uint64_t> syncs_ = 0;

  // From here on only the committer's thread.
  GroupOverlay overlay_;
  rocksdb::WriteBatch writes_;
  Counters
      counters_;  ///< What the counters that were added to hold: the thread knows every change.
  std::vector<Counters::value_type*> changed_counters_;
  std::uint64_t free_bytes_ = 0;
  std::uint64_t deletes_ = 0;      ///< Of metadata rows, since they were last made to be flushed.
  std::uint64_t last_number_ = 0;  ///< Of a row, see number_rows().
  std::thread thread_;             // Last: it uses all of the above.
};

}  // namespace kelp
