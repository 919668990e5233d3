#pragma once

#include <cstdint>
#include <string>

#include "async/awaitable.h"
#include "base/clock.h"
#include "kv/kv_async.h"

namespace kelp {

/// Buries the parts whose upload is gone: a part that was put while its upload was completed or
/// aborted can land behind that commit. Returns how many. `prefix`: of the upload rows to look at
/// (keys::uploads_of(), or keys::kUpload for all). `kv` must outlive the call.
Task<Result<std::uint64_t>> sweep_left_over_parts(KvAsync& kv, std::string prefix, WallTime now);

}  // namespace kelp
