#include "rpc/retry.h"

#include <algorithm>

namespace kelp {
namespace {

constexpr unsigned kMostAttempts = 4;
/// An election takes a second, the restart of a server several; time ends it before.
constexpr unsigned kMostPatientAttempts = 200;

}  // namespace

bool waits_for_server(const FailedCall& call) {
  return call.reason == Reason::kNotLeader || (call.awaited && !call.sent);
}

bool is_free(const FailedCall& call) {
  return waits_for_server(call) || call.leaving;
}

bool may_repeat(const FailedCall& call) {
  if (call.code != Errc::kUnavailable) return false;
  if (waits_for_server(call)) return call.attempts < kMostPatientAttempts;
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
