#pragma once

#include <string>
#include <vector>

#include "filer/core/object_commit.h"
#include "kv/kv_store.h"
#include "wire/entry.h"

namespace kelp {

/// An object whose needles another name takes over besides.
struct ShareSource {
  std::string row_key;  ///< keys::object().
  CurrentObject object;
};

/// Adds to `batch` that those of `chunks` whose needles `source` names get one name more, and marks
/// both sides as shared. Condition: the source's row is still what was read. Returns the others of
/// `chunks`, which nothing names yet. `rewrites_source`: the batch puts the source's row anew
/// itself, under that condition (an object copied onto itself).
[[nodiscard]] std::vector<Chunk> share(ShareSource& source, std::vector<Chunk>& chunks,
                                       bool rewrites_source, KvBatch& batch);

/// Plans that a put over `current`, the version of this number, keeps its needles: takes them off
/// it, so that they do not die, and marks those of `chunks`, which begin with them all; returns the
/// others, which nothing names yet. kConflict with kConditionConflict when the number is another
/// one; kInvalidArgument when `chunks` begin otherwise.
[[nodiscard]] Result<std::vector<Chunk>> keep_needles(CurrentObject& current, std::uint64_t version,
                                                      std::vector<Chunk>& chunks);

/// What the count of a shared needle says: its names but one. Below 0 nothing names it.
[[nodiscard]] inline bool still_named(std::int64_t count) {
  return count >= 0;
}

}  // namespace kelp
