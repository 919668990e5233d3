#pragma once

#include <chrono>
#include <cstdint>

#include "async/awaitable.h"
#include "base/clock.h"
#include "kv/kv_async.h"

namespace kelp {

/// How long a set of annotations waits for the version that is to name it.
inline constexpr std::chrono::hours kStagedLife{24};

/// Takes apart sets of annotations that no version names any more, and staged ones that none named
/// in time: their rows go and their needles die, and last the note of the set (sweep_rows()). Stops
/// after about `most_rows`; returns how many went. `kv` and `clock` must outlive the call.
Task<Result<std::uint64_t>> sweep_annotations(KvAsync& kv, std::uint64_t most_rows, Clock& clock);

}  // namespace kelp
