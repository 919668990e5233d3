#pragma once

#include <array>
#include <cstdint>

#include "tests/linear/history.h"

namespace kelp::linear {

/// What the keys of a partition have.
using State = std::array<Value, kMaxKeys>;

/// Whether `operation` can be the next one on `state` with the outcome that it had. If so, `state`
/// is what it leaves. One of unknown outcome: whether it would change anything.
[[nodiscard]] bool apply(const Operation& operation, State& state);

/// The keys, as bits, whose content the answer of `operation` depends on.
[[nodiscard]] std::uint32_t observed_keys(const Operation& operation);

}  // namespace kelp::linear
