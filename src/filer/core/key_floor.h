#pragma once

#include <optional>
#include <string>
#include <vector>

#include "kelp/result.h"
#include "kv/kv_store.h"
#include "wire/entry.h"

namespace kelp {

// The key floor: needles below it that the metadata does not name never will be named, so that the
// collector may take them. It is a row of the metadata that never falls. Whatever names fresh
// needles has the condition that the row is as it was read; the collector raises it before it looks
// for what nothing names. So a slow writer or a clock that jumped costs a write, and no needle that
// a write has named.

/// What the row `row` says, as it was read; no row: 0.
[[nodiscard]] Result<NeedleKey> key_floor_of(const std::optional<std::string>& row);

/// The condition that the key floor is still `row`, as it was read.
[[nodiscard]] KvCondition key_floor_is(std::optional<std::string> row);

/// Adds to `batch`, which names `fresh` needles for the first time, what allows that; `row` is the
/// key floor's row as it was read. kConflict with kKeyTooOld when one lies below the floor: its
/// upload took too long, and the body must be written anew.
[[nodiscard]] Result<void> require_above_floor(std::optional<std::string> row,
                                               const std::vector<Chunk>& fresh, KvBatch& batch);

}  // namespace kelp
