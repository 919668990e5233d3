#pragma once

#include <atomic>
#include <chrono>
#include <optional>

#include "base/clock.h"

namespace kelp {

/// The leading master's wall clock as far as a volume server knows it, so that leases last as long
/// as their master meant, whatever this machine's wall clock says or jumps to: what the master last
/// said and what passed since on the monotonic clock. This machine's own until a master was heard.
/// Thread-safe.
class ClusterClock final : public Clock {
 public:
  /// `own` must outlive this.
  explicit ClusterClock(const Clock& own) : own_(own) {}

  [[nodiscard]] MonoTime mono() const override { return own_.mono(); }
  [[nodiscard]] WallTime wall() const override {
    const std::chrono::nanoseconds offset = offset_.load();
    return offset == kUnknown ? own_.wall() : WallTime(own_.mono().time_since_epoch() + offset);
  }

  /// The master's clock shows `master` now. It is followed back at once, and forward only when the
  /// leases that were dated before have ended: none ends early. From one thread at a time.
  void follow(WallTime master) {
    const MonoTime now = own_.mono();
    const std::chrono::nanoseconds offset = master.time_since_epoch() - now.time_since_epoch();
    const std::chrono::nanoseconds known = offset_.load();
    if (known != kUnknown && offset > known) {
      if (!ahead_since_.has_value()) ahead_since_ = now;
      if (now - *ahead_since_ < kLeasesEnd) return;
    }
    ahead_since_.reset();
    offset_ = offset;
  }

  /// Longer than a lease lasts.
  static constexpr std::chrono::minutes kLeasesEnd{15};

 private:
  static constexpr std::chrono::nanoseconds kUnknown = std::chrono::nanoseconds::min();

  const Clock& own_;
  std::atomic<std::chrono::nanoseconds> offset_ = kUnknown;  ///< Of the wall to the monotonic one.
  std::optional<MonoTime> ahead_since_;
};

}  // namespace kelp
