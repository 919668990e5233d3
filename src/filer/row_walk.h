#pragma once

#include <functional>
#include <string_view>

#include "async/awaitable.h"
#include "kv/kv_async.h"

namespace kelp {

/// Takes one row of a walk; the views end with the call. An error ends the walk.
using RowTaker = std::function<Result<void>(std::string_view key, std::string_view value)>;

/// Gives every row of `range` to `take`, ascending, as all were at one point in time. Works on the
/// pool in slices of 20,000 rows or 16 MiB, so that a long walk does not keep a thread; `take` is
/// never called twice at once. `kv` must outlive the call. Errors: of the store, of `take`;
/// kCancelled when the coroutine is.
Task<Result<void>> walk_rows(KvAsync& kv, KvRange range, RowTaker take);

/// Whether the running coroutine was cancelled.
Task<bool> was_cancelled();

}  // namespace kelp
