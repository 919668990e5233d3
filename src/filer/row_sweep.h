#pragma once

#include <cstdint>

#include "async/awaitable.h"
#include "base/clock.h"
#include "kv/kv_async.h"

namespace kelp {

/// Takes away rows of `range`, of objects, versions, uploads or annotations, with all that they
/// name, in commits of a few hundred rows, until none is left or about `most_rows` went; returns
/// how many did. What a crash interrupts goes on with the next call. `kv` and `clock` must outlive
/// the call. kCancelled when the coroutine is cancelled.
Task<Result<std::uint64_t>> sweep_rows(KvAsync& kv, KvRange range, std::uint64_t most_rows,
                                       Clock& clock);

}  // namespace kelp
