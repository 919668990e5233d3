#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "filer/core/object_commit.h"
#include "filer/core/row_plan.h"
#include "filer/core/usage.h"
#include "kelp/result.h"
#include "wire/entry.h"
#include "wire/events.h"
#include "wire/namespace.h"

namespace kelp {

/// A version's row, as it was read; no row: there is no such version.
struct FoundVersion {
  std::string row_key;
  CurrentObject object;
  [[nodiscard]] bool exists() const { return object.row.has_value(); }
};

/// What shown_version_id() will be of an entry that is yet to be put.
[[nodiscard]] std::optional<std::uint64_t> new_version_id(const BucketEntry& bucket,
                                                          const ObjectEntry& entry);

/// The versions of one key in a plan. The newest one, the head, is the object row, or the first
/// version row when it is a delete marker; all others are version rows. These come from the head
/// only, with numbers below its own, so who requires the head as it was read requires that none was
/// added. The head says which of the others is the null version.
class KeyVersions {
 public:
  /// Reads the head. `rows` and `bucket` must outlive what is returned.
  [[nodiscard]] static Result<KeyVersions> read(RowPlan& rows, const BucketEntry& bucket,
                                                std::string key);

  /// Reads the head anew, when something else in the plan changed it.
  [[nodiscard]] Result<void> refresh();

  /// The newest version; no row: the key has none.
  [[nodiscard]] const FoundVersion& head() const { return head_; }
  /// What conditions of a write are about: the head, when it is an object.
  [[nodiscard]] const CurrentObject& current() const;
  /// The head's number; 0: the key has no version. A new one must be greater.
  [[nodiscard]] std::uint64_t newest() const { return head_.object.entry.version; }
  [[nodiscard]] WallTime newest_modified() const { return head_.object.entry.modified; }
  /// The version of this id, or kNullVersion.
  [[nodiscard]] Result<FoundVersion> find(std::uint64_t version_id) const;

  /// Before put(), and before the time of its event is taken: requires that the time is later than
  /// that of all events of the key before it (deletes_of()).
  [[nodiscard]] Result<void> order_events();
  /// Makes `entry` (all filled in but has_id and older_null) the head, an object or a delete
  /// marker. While versioning is enabled the others stay; else the null version goes. What the
  /// bucket holds more.
  [[nodiscard]] Result<UsageChange> put(ObjectEntry& entry, WallTime now);
  /// Takes away `gone`, a version of this key that exists; the next older one becomes the head when
  /// it was that. What the bucket holds more.
  [[nodiscard]] Result<UsageChange> remove(FoundVersion gone, WallTime now);
  /// Another key takes the bytes of the head, and its annotations: what takes the head away, in
  /// this plan, leaves them.
  void give_away_body() {
    Layout& layout = head_.object.entry.layout;
    layout = {.inline_id = 0, .chunks = {}, .annotations = {.bytes = layout.annotations.bytes}};
  }
  /// Puts the changed entry of `version` in its row.
  void rewrite(FoundVersion version);

 private:
  KeyVersions(RowPlan& rows, const BucketEntry& bucket, std::string key)
      : rows_(&rows), bucket_(&bucket), key_(std::move(key)) {}

  [[nodiscard]] bool has_versions() const { return bucket_->versioning != Versioning::kNever; }
  [[nodiscard]] std::string row_key_of(const ObjectEntry& entry) const;
  Result<FoundVersion> read_row(std::string row_key) const;
  void demote();
  Result<UsageChange> drop_null(WallTime now);
  Result<void> promote(const ObjectEntry& gone);

  RowPlan* rows_;
  const BucketEntry* bucket_;
  std::string key_;
  FoundVersion head_;
  CurrentObject none_;  ///< current(), when the head is a delete marker.
};

/// The version that a change of it names: the one of this id (ObjectKey::version_id), or the
/// current one. kNotFound with kNoSuchVersion, or for a delete marker too with kNoSuchKey.
[[nodiscard]] Result<FoundVersion> find_named(const KeyVersions& versions,
                                              std::optional<std::uint64_t> version_id);

/// Plans that those of `chunks` that the version `number` of a key names, whatever its id, get one
/// name more (core/shares.h); returns the others. kConflict with kConditionConflict when there is
/// no such version.
[[nodiscard]] Result<std::vector<Chunk>> share_version(RowPlan& rows, const BucketEntry& bucket,
                                                       const std::string& key, std::uint64_t number,
                                                       std::vector<Chunk>& chunks);

/// What removing a key's current version comes to.
struct RemovedVersion {
  UsageChange usage;
  EventKind kind{};
  ObjectEntry entry;  ///< The version that went, or the delete marker that came.
};
/// Plans that the key has no current version any more: a delete marker with this number becomes its
/// head, or in a bucket that never had versions the object goes, which must be there.
[[nodiscard]] Result<RemovedVersion> remove_current(KeyVersions& versions,
                                                    const BucketEntry& bucket,
                                                    std::uint64_t marker_number, WallTime now);

/// One of the keys of a delete.
struct DeleteTarget {
  std::string key;
  std::optional<std::uint64_t> version_id;  ///< ObjectKey::version_id.
  WriteConditions conditions;
  std::uint64_t marker = 0;  ///< The number that a delete marker gets, when one is made.
};

/// A version that goes, or a delete marker that comes.
struct VersionChange {
  EventKind kind{};
  std::string key;
  ObjectEntry entry;
};

/// What a delete comes to.
struct PlannedDelete {
  std::vector<Result<DeleteOutcome>> outcomes;  ///< Of the targets, in their order.
  UsageChange usage;
  std::vector<VersionChange> changes;  ///< In a bucket that keeps events.
  std::uint64_t too_low = 0;  ///< A marker's number must be above this: nothing was planned.
};

/// Plans the delete of `targets`, one after the other, whose keys are good.
[[nodiscard]] Result<PlannedDelete> plan_deletes(RowPlan& rows, const BucketEntry& bucket,
                                                 const std::vector<DeleteTarget>& targets,
                                                 WallTime now);

}  // namespace kelp
