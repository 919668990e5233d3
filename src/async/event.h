#pragma once

#include <memory>
#include <vector>

#include "async/awaitable.h"

namespace kelp {

/// Lets coroutines of one thread wait until something changed, as a condition variable does:
///
///     while (queue.empty()) KELP_CO_CHECK(co_await changed.wait());
///
/// All calls on one executor. Must outlive its waiters.
class Event {
 public:
  Event();
  ~Event();
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  /// Returns at the next notify_all(), or with kCancelled when the coroutine is (or was already)
  /// cancelled.
  Task<Result<void>> wait();
  /// Wakes everyone who waits now. They go on later, never inside this call.
  void notify_all();
  /// Nobody waits.
  [[nodiscard]] bool idle() const;

 private:
  struct Waiter;
  std::vector<std::shared_ptr<Waiter>> waiters_;
};

}  // namespace kelp
