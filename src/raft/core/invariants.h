#pragma once

#include "kelp/result.h"
#include "raft/core/raft_core.h"

namespace kelp::raft {

/// What holds of a core between any two calls; for tests, since it walks the whole log. kInternal
/// names what does not. The cheap ones are asserted where they could break.
[[nodiscard]] Result<void> check_invariants(const RaftCore& core);

}  // namespace kelp::raft
