#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <set>

#include "base/clock.h"

namespace kelp {

/// How quickly a disk takes writes just now: as the quickest of the last seconds did. A disk that
/// is only busy still takes one quickly now and then; a sick one never does. Thread-safe (a leaf
/// mutex).
class DiskPulse {
 public:
  /// `clock` must outlive this.
  explicit DiskPulse(const Clock& clock) : clock_(clock) {}

  /// A write with its sync, while it lives.
  class Write {
   public:
    explicit Write(DiskPulse& pulse) : pulse_(pulse), begun_(pulse.begin()) {}
    ~Write() { pulse_.end(begun_); }
    Write(const Write&) = delete;
    Write& operator=(const Write&) = delete;

   private:
    DiskPulse& pulse_;
    const MonoTime begun_;
  };

  /// What the quickest write of the last kMemory took; when none ended, how long the oldest one
  /// under way lasts by now; 0 when there was none at all.
  [[nodiscard]] std::chrono::microseconds latency() const;
  /// Nothing was written for a second: a probe would say more.
  [[nodiscard]] bool idle() const;

  static constexpr std::chrono::seconds kMemory{4};

 private:
  /// The writes that ended in one second of the monotonic clock.
  struct Second {
    std::int64_t number = -1;
    std::chrono::nanoseconds quickest{};
  };
  MonoTime begin();
  void end(MonoTime begun);

  const Clock& clock_;
  mutable std::mutex mutex_;
  std::multiset<MonoTime> running_;
  std::array<Second, kMemory.count()> seconds_;
  MonoTime last_begin_{};
};

}  // namespace kelp
