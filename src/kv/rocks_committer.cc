#include "kv/rocks_committer.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/log.h"

namespace kelp {
namespace {

constexpr std::size_t kGroupBytes = 4 << 20;  // Of one sync: bounds how long its first waits.
constexpr std::chrono::microseconds kGatherTime(400);
constexpr std::size_t kGatherLimit = 8;  // So many share a sync well enough; more need not wait.
constexpr std::size_t kCountersKept = 4096;
constexpr std::size_t kBatchKept = 1 << 20;
// A seek walks over the deleted rows of a memtable at about 0.1 us each; only tables get compacted.
constexpr std::uint64_t kDeletesBeforeFlush = 8'192;

bool deletes_something(const KvBatch& batch) {
  return std::ranges::any_of(batch.writes, [](const KvWrite& write) {
    return write.kind == KvWrite::Kind::kDelete || write.kind == KvWrite::Kind::kDeleteRange;
  });
}

Error refused_after_failure() {
  return {Errc::kUnavailable, "kv: writing failed earlier; restart to recover from the log"};
}

}  // namespace

RocksCommitter::RocksCommitter(const RocksTables& tables, const RocksKvOptions& options)
    : tables_(tables), options_(options), thread_([this] { run(); }) {}

RocksCommitter::~RocksCommitter() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

KvStore::Stats RocksCommitter::stats() const {
  return {.commits = commits_.load(std::memory_order_relaxed),
          .syncs = syncs_.load(std::memory_order_relaxed)};
}

Result<void> RocksCommitter::writable() const {
  return failed_.load(std::memory_order_relaxed) ? Result<void>(refused_after_failure())
                                                 : Result<void>();
}

void RocksCommitter::commit(KvBatch batch, KvStore::CommitDone done) {
  if (failed_.load(std::memory_order_relaxed)) return done(refused_after_failure());
  if (auto limits = check_limits(batch); !limits) return done(std::move(limits));
  const std::size_t bytes = sizeof batch + payload_bytes(batch);
  std::unique_lock lock(mutex_);
  if (queue_.size() >= options_.queue_limit || queued_bytes_ + bytes > options_.queue_bytes) {
    lock.unlock();
    return done(Error(Errc::kResourceExhausted, "kv: the queue of commits is full"));
  }
  queue_.push_back(
      {.batch = std::move(batch), .done = std::move(done), .bytes = bytes, .outcome = {}});
  queued_bytes_ += bytes;
  const bool wake = queue_.size() == wake_at_;
  lock.unlock();
  if (wake) wake_.notify_one();
}

void RocksCommitter::run() {
  std::vector<Pending> taken;
  std::size_t released = 0;
  while (true) {
    {
      std::unique_lock lock(mutex_);
      gather(lock, released);
      if (queue_.empty()) return;
      std::swap(taken, queue_);
      queued_bytes_ = 0;
    }
    const std::span<Pending> all(taken);
    for (std::size_t begin = 0; begin < all.size();) {
      std::size_t end = begin;
      for (std::size_t bytes = 0; end < all.size() && bytes < kGroupBytes; ++end) {
        bytes += all[end].bytes;
      }
      run_group(all.subspan(begin, end - begin));
      begin = end;
    }
    released = taken.size();
    taken.clear();
  }
}

/// Waits for commits. Those whom the last sync released are likely to come back soon: a short wait
/// for as many as were in flight then makes one sync where two would follow each other. Only for
/// the first few: a longer wait puts all writers in step, so that nobody works during a sync.
void RocksCommitter::gather(std::unique_lock<std::mutex>& lock, std::size_t released) {
  const auto wait_for_size = [&](std::size_t size) {
    wake_at_ = size;
    return [this, size] { return queue_.size() >= size || stopping_; };
  };
  if (const std::size_t in_flight = queue_.size() + released; options_.sync && in_flight > 1) {
    wake_.wait_for(lock, kGatherTime, wait_for_size(std::min(in_flight, kGatherLimit)));
  }
  wake_.wait(lock, wait_for_size(1));
  wake_at_ = kAwake;
}

void RocksCommitter::run_group(std::span<Pending> group) {
  if (failed_) {
    for (Pending& pending : group) pending.done(refused_after_failure());
    return;
  }
  overlay_.clear();
  if (writes_.GetDataSize() > kBatchKept) writes_ = rocksdb::WriteBatch();
  writes_.Clear();
  if (counters_.size() > kCountersKept) counters_.clear();
  look_at_space();

  std::uint64_t accepted = 0;
  for (Pending& pending : group) {
    pending.outcome = admit(pending.batch);
    if (!pending.outcome) continue;
    number_rows(pending.batch, last_number_);
    apply(pending.batch);
    ++accepted;
  }
  write_counters();
  if (writes_.Count() > 0) {
    rocksdb::WriteOptions how;
    how.sync = options_.sync;
    const rocksdb::Status status = tables_.db->Write(how, &writes_);
    if (!status.ok()) return fail(status, group);
    if (options_.sync) syncs_.fetch_add(1, std::memory_order_relaxed);
  }
  commits_.fetch_add(accepted, std::memory_order_relaxed);
  // Refusals wait for the write too: they may rest on a row that only this write made durable.
  for (Pending& pending : group) pending.done(std::move(pending.outcome));
  if (deletes_ >= kDeletesBeforeFlush) flush_deletes();
}

/// Decides on `batch`; changes nothing but what is known of counters.
Result<void> RocksCommitter::admit(const KvBatch& batch) {
  for (std::size_t i = 0; i < batch.conditions.size(); ++i) {
    KELP_TRY(const bool held, holds(batch.conditions[i]));
    if (!held) return condition_failed(batch.conditions[i], i);
  }
  KELP_CHECK(check_space(batch));
  return load_counters(batch);
}

Result<bool> RocksCommitter::holds(const KvCondition& condition) {
  if (condition.kind == KvCondition::Kind::kEmptyRange) return range_is_empty(condition);
  const GroupOverlay::Found found = overlay_.find(condition.key);
  if (found.row != GroupOverlay::Row::kUntouched) {
    return row_holds(condition, found.row == GroupOverlay::Row::kPresent, found.value);
  }
  rocksdb::PinnableSlice value;
  const rocksdb::Status status = tables_.db->Get(rocksdb::ReadOptions(), tables_.of(condition.key),
                                                 to_slice(condition.key), &value);
  if (!status.ok() && !status.IsNotFound()) return to_error(status, "read for a condition");
  return row_holds(condition, status.ok(), to_view(value));
}

bool RocksCommitter::row_holds(const KvCondition& condition, bool present, std::string_view value) {
  switch (condition.kind) {
    case KvCondition::Kind::kAbsent:
      return !present;
    case KvCondition::Kind::kEquals:
      return present && value == condition.value;
    case KvCondition::Kind::kAtMost:
      return counter_at_most(present ? std::optional(std::string(value)) : std::nullopt,
                             condition.value);
    default:
      return present;
  }
}

Result<bool> RocksCommitter::range_is_empty(const KvCondition& condition) {
  if (condition.key >= condition.value) return true;
  if (overlay_.any_present(condition.key, condition.value)) return false;
  RocksCursor cursor(tables_, {.begin = condition.key, .end = condition.value});
  for (cursor.seek(condition.key); cursor.valid(); cursor.next()) {
    // A row that the overlay knows is one that this group removed.
    if (overlay_.find(cursor.key()).row == GroupOverlay::Row::kUntouched) return false;
  }
  KELP_CHECK(cursor.status());
  return true;
}

/// Reads the counters that `batch` adds to and that are not known yet, so that apply() cannot fail.
/// A row that is no counter stays unknown.
Result<void> RocksCommitter::load_counters(const KvBatch& batch) {
  for (const KvWrite& write : batch.writes) {
    if (write.kind != KvWrite::Kind::kAdd || counters_.contains(write.key)) continue;
    if (overlay_.find(write.key).row != GroupOverlay::Row::kUntouched) continue;
    std::optional<std::string> value(std::in_place);
    const rocksdb::Status status = tables_.db->Get(rocksdb::ReadOptions(), tables_.of(write.key),
                                                   to_slice(write.key), &*value);
    if (!status.ok() && !status.IsNotFound()) return to_error(status, "read a counter");
    if (status.IsNotFound()) value.reset();
    if (const auto counter = decode_counter(value)) {
      counters_.emplace(write.key, Counter{.value = *counter});
    }
  }
  return {};
}

void RocksCommitter::apply(const KvBatch& batch) {
  for (const KvWrite& write : batch.writes) {
    rocksdb::ColumnFamilyHandle* const family = tables_.of(write.key);
    switch (write.kind) {
      case KvWrite::Kind::kPut:
        forget_counter(write.key);
        overlay_.put(write.key, write.value);
        writes_.Put(family, to_slice(write.key), to_slice(write.value));
        break;
      case KvWrite::Kind::kDelete:
        forget_counter(write.key);
        overlay_.remove(write.key);
        if (family == tables_.rows) ++deletes_;
        writes_.Delete(family, to_slice(write.key));
        break;
      case KvWrite::Kind::kDeleteRange:
        if (write.key >= write.value) break;
        forget_counters(write.key, write.value);
        overlay_.remove_range(write.key, write.value);
        writes_.DeleteRange(family, to_slice(write.key), to_slice(write.value));
        break;
      case KvWrite::Kind::kAdd:
        add(write.key, write.delta);
        break;
    }
  }
}

void RocksCommitter::add(std::string_view key, std::int64_t delta) {
  auto at = counters_.find(key);
  if (at == counters_.end()) {
    const GroupOverlay::Found found = overlay_.find(key);
    if (found.row == GroupOverlay::Row::kUntouched) return;  // The row is no counter.
    std::optional<std::string> value;
    if (found.row == GroupOverlay::Row::kPresent) value.emplace(found.value);
    const auto counter = decode_counter(value);
    if (!counter) return;
    at = counters_.emplace(key, Counter{.value = *counter}).first;
  }
  Counter& counter = at->second;
  counter.value = add_wrapping(counter.value, delta);
  if (!std::exchange(counter.changed, true)) changed_counters_.push_back(&*at);
  overlay_.put_counter(key, counter.value);
}

void RocksCommitter::forget_counter(std::string_view key) {
  if (counters_.empty()) return;
  const auto at = counters_.find(key);
  if (at == counters_.end()) return;
  if (at->second.changed) std::erase(changed_counters_, &*at);
  counters_.erase(at);
}

void RocksCommitter::forget_counters(std::string_view begin, std::string_view end) {
  std::erase_if(changed_counters_, [&](const Counters::value_type* counter) {
    return counter->first >= begin && counter->first < end;
  });
  std::erase_if(counters_,
                [&](const auto& counter) { return counter.first >= begin && counter.first < end; });
}

/// One row for each counter, however many batches of the group added to it.
void RocksCommitter::write_counters() {
  for (Counters::value_type* counter : changed_counters_) {
    counter->second.changed = false;
    writes_.Put(tables_.of(counter->first), to_slice(counter->first),
                to_slice(encode_counter(counter->second.value)));
  }
  changed_counters_.clear();
}

void RocksCommitter::look_at_space() {
  const rocksdb::Status status = tables_.db->GetEnv()->GetFreeSpace(options_.path, &free_bytes_);
  if (!status.ok()) free_bytes_ = UINT64_MAX;  // The write itself will tell.
}

Result<void> RocksCommitter::check_space(const KvBatch& batch) const {
  if (free_bytes_ >= options_.reserve_bytes) return {};
  if (free_bytes_ >= options_.reserve_bytes / 2 && deletes_something(batch)) return {};
  return Error(Errc::kNoSpace, fmt::format("kv: {} bytes free on the disk, {} are kept in reserve",
                                           free_bytes_, options_.reserve_bytes));
}

/// Never waits: three memtables are allowed.
void RocksCommitter::flush_deletes() {
  deletes_ = 0;
  rocksdb::FlushOptions how;
  how.wait = false;
  how.allow_write_stall = true;
  const rocksdb::Status status = tables_.db->Flush(how, tables_.rows);
  if (!status.ok()) logger("kv").warn("flush error={}", log_value(status.ToString()));
}

/// What is on the disk is unknown from here on, and a sync that failed is never tried again.
void RocksCommitter::fail(const rocksdb::Status& status, std::span<Pending> group) {
  failed_ = true;
  logger("kv").error("commit_failed commits={} error={}", group.size(),
                     log_value(status.ToString()));
  const std::string detail =
      fmt::format("kv: commit, the outcome is unknown: {}", status.ToString());
  for (Pending& pending : group) pending.done(Error(Errc::kIo, detail));
}

}  // namespace kelp
