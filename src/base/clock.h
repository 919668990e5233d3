#pragma once

#include <chrono>

namespace kelp {

/// A point on the monotonic clock: for deadlines and durations, meaningless across restarts.
using MonoTime = std::chrono::steady_clock::time_point;
/// A point on the wall clock, UTC: for what people and formats see, never for ordering.
using WallTime = std::chrono::sys_time<std::chrono::nanoseconds>;

/// The only source of time. The process has os/system_clock.h, tests and the simulation their own.
/// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual MonoTime mono() const = 0;
  [[nodiscard]] virtual WallTime wall() const = 0;
};

}  // namespace kelp
