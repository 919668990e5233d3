#pragma once

#include <cstddef>
#include <functional>
#include <memory>

#include "async/completion.h"

namespace kelp {

/// Runs blocking or heavy work (RocksDB, file I/O, hashing) off the io threads. Bounded.
/// Thread-safe.
class WorkPool {
 public:
  using Work = std::move_only_function<void()>;
  virtual ~WorkPool() = default;
  /// Queues `work`, or returns false when the queue is full. Work that was accepted always runs.
  [[nodiscard]] virtual bool try_post(Work work) = 0;
};

/// A pool of threads. The destructor runs what is queued, then joins.
struct ThreadPoolOptions {
  std::size_t threads = 4;         ///< At least 1.
  std::size_t queue_limit = 4096;  ///< Queued, not yet running.
};
/// The pool that ThreadPoolOptions describes; its threads run when this returns.
[[nodiscard]] std::unique_ptr<WorkPool> make_thread_pool(ThreadPoolOptions options);

/// Runs `work` on a thread of its own that nobody joins: for calls that may hang beyond all
/// patience. False, and nothing was run, when the system gives no thread.
[[nodiscard]] bool run_detached(WorkPool::Work work);

/// Runs `work` (returning Result<T>) on `pool` and waits. kResourceExhausted, without running it,
/// when the pool is full. What `work` refers to must stay alive until this returns: the wait is not
/// cut short by cancellation.
template <typename T>
Task<Result<T>> offload(WorkPool& pool, std::move_only_function<Result<T>()> work) {
  auto start = [&pool, w = std::move(work)](std::function<void(Result<T>)> done) mutable {
    // `done` is copied: a pool that refuses destroys the job it was given.
    auto job = [run = std::move(w), done]() mutable { done(run()); };
    if (!pool.try_post(std::move(job)))
      done(Error(Errc::kResourceExhausted, "the disk pool's queue is full"));
  };
  co_return co_await await_callback<Result<T>>(std::move(start));
}

}  // namespace kelp
