#pragma once

#include "async/work_pool.h"
#include "kv/kv_store.h"

namespace kelp {

/// The kv contract for coroutines: what needs no wait is answered on the calling io thread, the
/// rest goes through the pool. A thin view: both references must outlive it. Safe from any io
/// thread.
class KvAsync {
 public:
  KvAsync(KvStore& store, WorkPool& pool) : store_(store), pool_(pool) {}

  /// See KvStore::get.
  Task<Result<std::optional<std::string>>> get(std::string key);
  /// See KvStore::commit; returns when the outcome is known.
  Task<Result<void>> commit(KvBatch batch);
  /// Runs `read` with the store on the pool: for scans and cursors. `read` may block and must not
  /// commit.
  template <typename T>
  Task<Result<T>> read(std::move_only_function<Result<T>(KvStore&)> read_rows) {
    auto work = [&store = store_, run = std::move(read_rows)]() mutable { return run(store); };
    co_return co_await offload<T>(pool_, std::move(work));
  }

  [[nodiscard]] KvStore& store() { return store_; }

 private:
  KvStore& store_;
  WorkPool& pool_;
};

}  // namespace kelp
