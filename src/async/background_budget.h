#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>

#include "async/timers.h"
#include "base/clock.h"

namespace kelp {

/// How many bytes a second background work may move on the disks of one server: vacuum, scrub and
/// copies of volumes. Foreground goes first: what it moves is taken off the rate, down to a share
/// that the work gets in any case, so that it slows down and never stops. Thread-safe.
class BackgroundBudget {
 public:
  /// Of the limit, as one in so many: what is always there for work that nobody waits for.
  static constexpr std::uint32_t kLeastShare = 8;
  /// A request costs a disk at least as much as so many bytes in a row do.
  static constexpr std::uint64_t kRequestBytes = 128 << 10;

  /// `bytes_per_second` 0: no limit. All must outlive this.
  BackgroundBudget(std::uint64_t bytes_per_second, const Clock& clock, Timers& timers);

  /// Waits until `bytes` more may be moved, in the order of the calls; any number of bytes, but
  /// pieces of a few MiB make it even. One in `least_share` of the limit (1: all of it) is there
  /// whatever the foreground does. After `patience` it waits no longer; what was taken too early
  /// delays what follows. kCancelled.
  Task<Result<void>> take(std::uint64_t bytes, std::uint32_t least_share = kLeastShare,
                          std::chrono::nanoseconds patience = std::chrono::hours(1));
  /// `moved` bytes instead of the `taken` ones were moved in the end.
  void settle(std::uint64_t taken, std::uint64_t moved, std::uint32_t least_share = kLeastShare);
  /// A request of somebody who waits, about `bytes` long. Cheap.
  void note_foreground(std::uint64_t bytes) {
    foreground_bytes_.fetch_add(bytes + kRequestBytes, std::memory_order_relaxed);
  }
  /// Bytes a second just now; 0: no limit.
  [[nodiscard]] std::uint64_t rate(std::uint32_t least_share = kLeastShare);

 private:
  void look_at_foreground(MonoTime now);
  [[nodiscard]] std::uint64_t rate_now(std::uint32_t least_share) const;
  [[nodiscard]] std::chrono::nanoseconds time_of(std::uint64_t bytes,
                                                 std::uint32_t least_share) const;
  MonoTime reserve(std::uint64_t bytes, std::uint32_t least_share);

  const std::uint64_t limit_;
  const Clock& clock_;
  Timers& timers_;
  alignas(64) std::atomic<std::uint64_t> foreground_bytes_ = 0;
  alignas(64) std::mutex mutex_;  ///< Guards all below.
  std::uint64_t foreground_rate_ = 0;
  std::uint64_t foreground_seen_ = 0;
  MonoTime looked_;
  MonoTime free_at_;  ///< When what was taken so far has been moved at its rate.
};

}  // namespace kelp
