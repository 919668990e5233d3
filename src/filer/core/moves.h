#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "base/clock.h"
#include "filer/core/row_plan.h"
#include "filer/core/usage.h"
#include "filer/core/versions.h"
#include "kelp/result.h"
#include "wire/entry.h"
#include "wire/namespace.h"

namespace kelp {

/// An object that is to be found under another key.
struct Move {
  std::string from;
  std::uint64_t from_version = 0;  ///< RenameObject::from_version.
  std::string to;
  WriteConditions conditions = {};  ///< Of what is under the new key.
};

/// The numbers of what a move makes.
struct MoveNumbers {
  std::uint64_t version = 0;  ///< Of the object under its new key.
  std::uint64_t marker = 0;   ///< Of the delete marker under the old one, when one is made.
};

/// What a move comes to.
struct PlannedMove {
  ObjectEntry entry;     ///< As it is under the new key.
  RemovedVersion gone;   ///< What became of the old key; its usage is that of the old bucket.
  UsageChange usage;     ///< What the new key's bucket holds more.
  std::size_t cost = 0;  ///< About how many bytes were read for it.
};

/// Plans that an object moves to another key, of the same bucket or another one of the same owner.
/// Where the version under the old key goes for good, the new one takes its body over as it is,
/// whose needles and inline row thus keep their number of names; where it stays below a delete
/// marker, the needles get a name more, and an inline body, which is small, is copied.
class MovePlan {
 public:
  /// Reads both keys, which differ, and checks the conditions. All but `move` must outlive this.
  /// kNotFound with kNoSuchKey; kConflict with kConditionConflict for another version; else as
  /// check_conditions().
  [[nodiscard]] static Result<MovePlan> read(RowPlan& rows, const BucketEntry& from,
                                             const BucketEntry& to, const Move& move);

  /// The greatest number that is taken; those of plan() must be greater.
  [[nodiscard]] std::uint64_t newest() const;
  /// Once; `now` was taken after read().
  [[nodiscard]] Result<PlannedMove> plan(MoveNumbers numbers, WallTime now);

 private:
  MovePlan(RowPlan& rows, const BucketEntry& from, const BucketEntry& to, std::string from_key,
           KeyVersions source, KeyVersions target)
      : rows_(&rows),
        from_(&from),
        to_(&to),
        from_key_(std::move(from_key)),
        source_(std::move(source)),
        target_(std::move(target)) {}

  Result<void> copy_body(ObjectEntry& entry);

  RowPlan* rows_;
  const BucketEntry* from_;
  const BucketEntry* to_;
  std::string from_key_;
  KeyVersions source_;
  KeyVersions target_;
};

/// The current version, as a write that starts from it needs it. Errors as MovePlan::read().
[[nodiscard]] Result<void> check_source(const KeyVersions& source, std::uint64_t wanted_version);

}  // namespace kelp
