#include "rpc/retry.h"

#include <algorithm>

namespace kelp {

std::chrono::nanoseconds Backoff::failed(Rng& rng) {
  const auto half = next_ / 2;
  const auto wait =
      half + std::chrono::nanoseconds(rng.below(static_cast<std::uint64_t>(half.count()) + 1));
  next_ = std::min(next_ * 2, options_.most);
  return wait;
}

}  // namespace kelp
