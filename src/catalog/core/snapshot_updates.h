#pragma once

#include <set>

#include "catalog/core/json.h"

namespace kelp::catalog {

/// What the updates of one commit know of those before them, of snapshots.
struct SnapshotProgress {
  std::int64_t now_ms = 0;
  std::set<std::int64_t> added;                 ///< Snapshots of this commit.
  std::optional<std::int64_t> updated_ms = {};  ///< When the table changed, by a snapshot.
};

/// The updates of snapshots, branches, tags and statistics: see apply_updates(). 400.
[[nodiscard]] Outcome<void> add_snapshot(Object& table, const Object& update,
                                         SnapshotProgress& progress);
[[nodiscard]] Outcome<void> set_snapshot_ref(Object& table, const Object& update,
                                             SnapshotProgress& progress);
[[nodiscard]] Outcome<void> remove_snapshots(Object& table, const Object& update,
                                             SnapshotProgress& progress);
[[nodiscard]] Outcome<void> remove_snapshot_ref(Object& table, const Object& update,
                                                SnapshotProgress& progress);
[[nodiscard]] Outcome<void> set_statistics(Object& table, const Object& update,
                                           SnapshotProgress& progress);
[[nodiscard]] Outcome<void> remove_statistics(Object& table, const Object& update,
                                              SnapshotProgress& progress);
[[nodiscard]] Outcome<void> set_partition_statistics(Object& table, const Object& update,
                                                     SnapshotProgress& progress);
[[nodiscard]] Outcome<void> remove_partition_statistics(Object& table, const Object& update,
                                                        SnapshotProgress& progress);

}  // namespace kelp::catalog
