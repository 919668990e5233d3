#pragma once

#include <algorithm>
#include <chrono>

#include "base/rng.h"
#include "kelp/error.h"

namespace kelp {

/// The first wait and the longest.
struct BackoffOptions {
  std::chrono::nanoseconds first = std::chrono::milliseconds(20);
  std::chrono::nanoseconds most = std::chrono::seconds(2);
};

/// A call that failed.
struct FailedCall {
  Errc code{};
  Reason reason = Reason::kNone;
  bool repeatable = false;  ///< Doing it twice harms nobody.
  bool sent = true;         ///< False: the request never left, or was certainly not begun.
  bool leaving = false;     ///< It was not since its server shuts down.
  bool awaited = false;     ///< Soon somebody will be there, and nobody else could answer.
  unsigned attempts = 1;    ///< So far.
};

/// Nothing was done, and soon somebody will be there: it is asked again until then.
[[nodiscard]] bool waits_for_server(const FailedCall& call);
/// To ask again costs no budget: one waits for the server, or it is in no trouble, only leaving.
[[nodiscard]] bool is_free(const FailedCall& call);

/// Whether the same call may be sent once more: it was certainly not done (kNotLeader, not sent),
/// or its server did not answer and it may be done twice. Never after a deadline, and never what a
/// server refused for its own sake (kResourceExhausted). Pure.
[[nodiscard]] bool may_repeat(const FailedCall& call);

/// Keeps repetitions from multiplying the load of servers in trouble: each takes from what
/// successes have put in, a tenth each, at most 32 in all. Pure.
class RetryBudget {
 public:
  void succeeded() { tenths_ = std::min(tenths_ + 1, kMostTenths); }
  /// False when it is spent.
  [[nodiscard]] bool take() {
    if (tenths_ < 10) return false;
    tenths_ -= 10;
    return true;
  }

 private:
  static constexpr unsigned kMostTenths = 320;
  unsigned tenths_ = kMostTenths;
};

/// How long to wait before the next attempt: doubled each time up to `most`, and of that a random
/// share between a half and the whole, so that many clients of one server do not return as one.
/// Pure.
class Backoff {
 public:
  explicit Backoff(BackoffOptions options) : options_(options), next_(options.first) {}
  /// The wait after one more failure.
  [[nodiscard]] std::chrono::nanoseconds failed(Rng& rng);
  /// It worked: the next failure waits `first` again.
  void succeeded() { next_ = options_.first; }

 private:
  BackoffOptions options_;
  std::chrono::nanoseconds next_;
};

}  // namespace kelp
