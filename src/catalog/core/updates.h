#pragma once

#include "catalog/core/json.h"

namespace kelp::catalog {

/// The table after `updates`, one after the other; all or none. Sets last-updated-ms. `table` is
/// one that check_table() took, or empty_table(). 400 for an update that is unknown or makes no
/// sense.
[[nodiscard]] Outcome<Object> apply_updates(Object table, const Array& updates,
                                            std::int64_t now_ms);

}  // namespace kelp::catalog
