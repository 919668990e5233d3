#include "rpc/retry.h"

#include <algorithm>

namespace kelp {
namespace {

constexpr unsigned kMostAttempts = 4;
/// An election takes a second or two; the wait doubles from 20 ms.
constexpr unsigned kMostLeaderAttempts = 9;

}  // namespace

bool may_repeat(const FailedCall& call) {
  if (call.code != Errc::kUnavailable) return false;
  if (call.reason == Reason::kNotLeader) return call.attempts < kMostLeaderAttempts;
  return (call.repeatable || !call.sent) && call.attempts < kMostAttempts;
}

std::chrono::nanoseconds Backoff::failed(Rng& rng) {
  const auto half = next_ / 2;
  const auto wait =
      half + std::chrono::nanoseconds(rng.below(static_cast<std::uint64_t>(half.count()) + 1));
  next_ = std::min(next_ * 2, options_.most);
  return wait;
}

}  // namespace kelp
