#pragma once

#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/post.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <vector>

#include "async/awaitable.h"

namespace kelp {

/// Owns coroutines that run beside their maker: nothing is detached. One executor, one thread: call
/// everything from it.
///
/// Before the group dies, cancel() and `co_await join()`; the destructor asserts that nothing is
/// left running.
class TaskGroup {
 public:
  explicit TaskGroup(Executor executor);
  ~TaskGroup();
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  /// Starts `task` on the group's executor. An exception out of it stops the process: our code does
  /// not throw.
  /// Returns a number for cancel(id), never used again by this group.
  std::uint64_t spawn(Task<void> task);
  /// Asks every running task to stop (Asio terminal cancellation): what it waits for ends with
  /// kCancelled. One that had not begun never does. More may be spawned later.
  void cancel();
  /// The same for one task; nothing when it has ended. Linear in the running tasks.
  void cancel(std::uint64_t id);
  /// Returns when no task is running.
  Task<void> join();
  [[nodiscard]] std::size_t size() const { return running_.size(); }

 private:
  struct Running {
    std::uint64_t id = 0;
    bool started = false;
    bool cancelled = false;
    asio::cancellation_signal signal;
  };
  template <typename Position>
  struct Finish;
  static Task<void> begin(Running* running, Task<void> task);
  static void cancel(Running& running);
  void finished(std::list<Running>::iterator task);

  Executor executor_;
  std::list<Running> running_;
  std::uint64_t next_id_ = 1;
  std::vector<std::function<void(bool)>> joiners_;
};

}  // namespace kelp
