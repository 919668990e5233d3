#pragma once

#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/post.hpp>
#include <cstddef>
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
  void spawn(Task<void> task);
  /// Asks every running task to stop (Asio terminal cancellation). More may be spawned later.
  void cancel();
  /// Returns when no task is running.
  Task<void> join();
  [[nodiscard]] std::size_t size() const { return running_.size(); }

 private:
  struct Running {
    asio::cancellation_signal signal;
  };
  void finished(std::list<Running>::iterator task);

  Executor executor_;
  std::list<Running> running_;
  std::vector<std::function<void(bool)>> joiners_;
};

}  // namespace kelp
