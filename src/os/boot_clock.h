#pragma once

#include <time.h>

#include "base/clock.h"

namespace kelp {

/// As SystemClock, but its mono() also counts the time that the machine was suspended
/// (CLOCK_BOOTTIME): for promises that others end while this machine sleeps. Not for timers.
class BootClock final : public Clock {
 public:
  [[nodiscard]] MonoTime mono() const override {
    timespec now{};
    ::clock_gettime(CLOCK_BOOTTIME, &now);
    return MonoTime(std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec));
  }
  [[nodiscard]] WallTime wall() const override { return std::chrono::system_clock::now(); }
};

}  // namespace kelp
