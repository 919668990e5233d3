#include "async/background_budget.h"

#include <algorithm>

namespace kelp {
namespace {

using std::chrono::nanoseconds;

constexpr std::chrono::milliseconds kLookInterval{250};
constexpr std::chrono::milliseconds kBurst{100};  ///< What was not used so long ago may be.

}  // namespace

BackgroundBudget::BackgroundBudget(std::uint64_t bytes_per_second, const Clock& clock,
                                   Timers& timers)
    : limit_(bytes_per_second),
      clock_(clock),
      timers_(timers),
      looked_(clock.mono()),
      free_at_(looked_) {}

Task<Result<void>> BackgroundBudget::take(std::uint64_t bytes, std::uint32_t least_share,
                                          nanoseconds patience) {
  if (limit_ == 0) co_return Result<void>();
  const MonoTime latest = clock_.mono() + patience;
  co_return co_await timers_.sleep_until(std::min(reserve(bytes, least_share), latest));
}

void BackgroundBudget::settle(std::uint64_t taken, std::uint64_t moved, std::uint32_t least_share) {
  if (limit_ == 0) return;
  const std::lock_guard lock(mutex_);
  free_at_ += time_of(moved, least_share) - time_of(taken, least_share);
}

std::uint64_t BackgroundBudget::rate(std::uint32_t least_share) {
  const std::lock_guard lock(mutex_);
  look_at_foreground(clock_.mono());
  return rate_now(least_share);
}

/// When `bytes` may begin to be moved.
MonoTime BackgroundBudget::reserve(std::uint64_t bytes, std::uint32_t least_share) {
  const std::lock_guard lock(mutex_);
  const MonoTime now = clock_.mono();
  look_at_foreground(now);
  const MonoTime begin = std::max<MonoTime>(free_at_, now - kBurst);
  free_at_ = begin + time_of(bytes, least_share);
  return begin;
}

std::uint64_t BackgroundBudget::rate_now(std::uint32_t least_share) const {
  return std::max(limit_ / least_share, limit_ - std::min(limit_, foreground_rate_));
}

nanoseconds BackgroundBudget::time_of(std::uint64_t bytes, std::uint32_t least_share) const {
  const auto rate = static_cast<double>(std::max<std::uint64_t>(rate_now(least_share), 1));
  return nanoseconds(static_cast<std::int64_t>(static_cast<double>(bytes) / rate * 1e9));
}

void BackgroundBudget::look_at_foreground(MonoTime now) {
  const auto since = now - looked_;
  if (since < kLookInterval) return;
  const std::uint64_t total = foreground_bytes_.load(std::memory_order_relaxed);
  const double seconds = std::chrono::duration<double>(since).count();
  foreground_rate_ =
      static_cast<std::uint64_t>(static_cast<double>(total - foreground_seen_) / seconds);
  foreground_seen_ = total;
  looked_ = now;
}

}  // namespace kelp
