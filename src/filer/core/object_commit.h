#pragma once

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "filer/core/usage.h"
#include "kelp/result.h"
#include "kv/kv_store.h"
#include "wire/entry.h"
#include "wire/namespace.h"

namespace kelp {

/// A row as it was read, and what it says; no row: both empty.
struct CurrentObject {
  std::optional<std::string> row;
  ObjectEntry entry;  ///< Only with a row.
};

/// Whether `conditions` allow a write over `current`. kPrecondition with kConditionFailed;
/// kNotFound with kNoSuchKey for if_match without a current version.
[[nodiscard]] Result<void> check_conditions(const WriteConditions& conditions,
                                            const CurrentObject& current);

/// Queues needles for deletion: dead since `now`. A shared one loses a name; whether that was the
/// last one, the collector sees.
void bury(const std::vector<Chunk>& chunks, WallTime now, KvBatch& batch);

/// What a commit changes of a key's only version, in a bucket that never had versions (others:
/// core/versions.h). The entry's owner is left out of the row when it is the bucket's.
struct ObjectChange {
  const BucketEntry& bucket;
  const std::string& row_key;  ///< keys::object().
  const CurrentObject& current;
  WallTime now;
};

/// When a version comes that follows one of `before`: `now`, but always later than that, so that a
/// key's versions and events have their order.
[[nodiscard]] inline WallTime later_than(WallTime before, WallTime now) {
  return std::max(now, before + std::chrono::nanoseconds(1));
}

/// Adds to `batch` that the bytes of a version die; its annotations live on.
void drop_bytes(const Layout& layout, WallTime now, KvBatch& batch);

/// Adds to `batch` that the bytes of a version die with it, and so do its annotations: these in
/// that nothing names their set any more (annotation_sweep.h).
void drop_body(const Layout& layout, WallTime now, KvBatch& batch);

/// The row of `entry`, whose owner is left out when it is the bucket's.
[[nodiscard]] std::string row_of(const BucketEntry& bucket, ObjectEntry& entry);

/// What a version counts for in its bucket, annotations included.
[[nodiscard]] inline std::int64_t held_bytes(const ObjectEntry& entry) {
  return static_cast<std::int64_t>(entry.size_bytes + entry.layout.annotations.bytes);
}

/// What the bucket holds more when an object that counts for `bytes` replaces the current version.
[[nodiscard]] UsageChange usage_of_put(const CurrentObject& current, std::int64_t bytes);

/// Adds to `batch`: the current version becomes `entry` (its version, modified and layout filled
/// in; as before when this returns), what it replaces dies, but for a set of annotations that
/// `entry` names. Condition: the current row is still
/// what was read. The caller adds that the bucket's row is, and counts (core/usage.h).
void add_put(const ObjectChange& change, ObjectEntry& entry, KvBatch& batch);

}  // namespace kelp
