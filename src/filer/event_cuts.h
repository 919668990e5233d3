#pragma once

#include <cstdint>

#include "async/awaitable.h"
#include "base/clock.h"
#include "kv/kv_async.h"

namespace kelp {

/// Cuts off the events of all buckets that are older than these keep them. In how many commits.
/// `kv` and `clock` must outlive the call; kCancelled when the coroutine is.
Task<Result<std::uint64_t>> cut_event_logs(KvAsync& kv, Clock& clock);

}  // namespace kelp
