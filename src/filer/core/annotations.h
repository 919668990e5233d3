#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "filer/core/row_plan.h"
#include "filer/core/usage.h"
#include "kelp/result.h"
#include "wire/annotations.h"

namespace kelp {

// Annotations of versions (docs/adr/0026-annotations.md). Each is a row under the number of a set,
// and its value an entry, as an object's. The version's own entry names the set and counts it, and
// every change of an annotation rewrites it: so the commit requires the version as it was judged,
// and whoever takes the version away takes all of them away by that alone.

/// What a change of a version's annotations comes to.
struct PlannedAnnotation {
  bool full = false;     ///< AnnotationOutcome::full; nothing is planned.
  bool changed = false;  ///< Else there is nothing to commit.
  UsageChange usage;
  WallTime modified;
  std::uint64_t set = 0;
  std::optional<std::uint64_t> version_id;
};

/// Who changes what, and when.
struct AnnotationChange {
  const BucketEntry& bucket;
  std::uint64_t number = 0;  ///< Never used before: of the annotation, and of a new set.
  WallTime now;
};

/// Plans that the version has the annotation, or, of one that is staged, that its set does. Errors
/// as FilerClient::put_annotation().
[[nodiscard]] Result<PlannedAnnotation> plan_annotation(RowPlan& rows, const PutAnnotation& request,
                                                        const AnnotationChange& how);
/// Plans that the version does not have it. Errors as FilerClient::delete_annotation().
[[nodiscard]] Result<PlannedAnnotation> plan_removal(RowPlan& rows, const DeleteAnnotation& request,
                                                     const AnnotationChange& how);

/// Makes the staged set `set` the one of `entry`, which is about to be put; 0: it gets none. `row`:
/// of the set. kConflict with kConditionConflict when it is not staged, or given up;
/// kInvalidArgument when `entry` says otherwise how many there are.
[[nodiscard]] Result<void> take_staged(std::optional<std::string> row, std::uint64_t set,
                                       ObjectEntry& entry, KvBatch& batch);
/// The same in a plan.
[[nodiscard]] Result<void> take_staged(RowPlan& rows, std::uint64_t set, ObjectEntry& entry);

/// The annotations of `set` that a page has, and one more when there are more. Blocks.
[[nodiscard]] Result<std::vector<ListedObject>> list_annotation_rows(
    KvStore& store, std::uint64_t set, const ListAnnotations& request);

}  // namespace kelp
