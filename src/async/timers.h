#pragma once

#include <memory>

#include "async/awaitable.h"
#include "base/clock.h"

namespace kelp {

/// Waiting for a point in time; the process has Asio's timers, the simulation its virtual ones.
/// Thread-safe.
class Timers {
 public:
  virtual ~Timers() = default;
  /// Returns at `when` (at once when it is past), or early with kCancelled when the coroutine is
  /// cancelled.
  virtual Task<Result<void>> sleep_until(MonoTime when) = 0;
};

/// Timers of Asio; each coroutine waits on the executor it runs on.
[[nodiscard]] std::unique_ptr<Timers> make_asio_timers();

}  // namespace kelp
