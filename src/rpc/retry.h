#pragma once

#include <chrono>

#include "base/rng.h"

namespace kelp {

/// The first wait and the longest.
struct BackoffOptions {
  std::chrono::nanoseconds first = std::chrono::milliseconds(20);
  std::chrono::nanoseconds most = std::chrono::seconds(2);
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
