#pragma once

#include "async/awaitable.h"
#include "s3gw/s3_error.h"

namespace kelp::s3 {

/// Where a gateway learns of keys that other gateways made. Safe from any io thread.
class KeyNews {
 public:
  virtual ~KeyNews() = default;
  /// Returns when the keys are known that there were at the call; without them when they cannot be
  /// had, or when too many wait already. How often that asks anybody does not depend on how often
  /// it is called.
  virtual Task<void> catch_up() = 0;
};

/// After the refusal of a request: true when its key or token may be known by now. Waits for news
/// where the refusal is that it is not known, and there is somebody who can tell.
[[nodiscard]] inline Task<bool> known_by_now(KeyNews* news, S3Code refusal) {
  const bool unknown = refusal == S3Code::kInvalidAccessKeyId || refusal == S3Code::kInvalidToken;
  if (!unknown || news == nullptr) co_return false;
  co_await news->catch_up();
  co_return true;
}

}  // namespace kelp::s3
