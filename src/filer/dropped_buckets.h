#pragma once

#include <cstdint>

#include "async/awaitable.h"
#include "base/clock.h"
#include "base/ids.h"
#include "kv/kv_async.h"

namespace kelp {

/// Adds to `batch` that a bucket's counters and settings go with it.
void remove_own_rows(BucketId bucket, KvBatch& batch);

/// Takes apart what buckets held that were dropped: object by object and upload by upload their
/// rows go and their needles die, in commits of a few hundred rows, and last the note that they
/// were dropped. Stops after about `most_rows`; returns how many went. What a crash interrupts goes
/// on with the next call. `kv` and `clock` must outlive the call. kCancelled when the coroutine is
/// cancelled.
Task<Result<std::uint64_t>> sweep_dropped_buckets(KvAsync& kv, std::uint64_t most_rows,
                                                  Clock& clock);

}  // namespace kelp
