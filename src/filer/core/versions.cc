#include "filer/core/versions.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "filer/core/event_log.h"
#include "filer/core/keys.h"
#include "filer/core/object_lock.h"
#include "filer/core/shares.h"

namespace kelp {
namespace {

UsageChange usage_of(const ObjectEntry& entry) {
  return {.objects = entry.delete_marker ? 0 : 1, .bytes = held_bytes(entry)};
}

UsageChange negative(const UsageChange& change) {
  return {.objects = -change.objects, .bytes = -change.bytes};
}

/// What the older versions' entry of the null version is, once `head` is behind another head.
std::uint64_t null_below(const ObjectEntry& head) {
  return head.has_id ? head.older_null : head.version;
}

Result<CurrentObject> decode_row(std::optional<std::string> row) {
  CurrentObject object{.row = std::move(row), .entry = {}};
  if (object.row) {
    KELP_TRY(object.entry, decode_entry(*object.row));
  }
  return object;
}

}  // namespace

std::optional<std::uint64_t> new_version_id(const BucketEntry& bucket, const ObjectEntry& entry) {
  if (bucket.versioning == Versioning::kNever) return std::nullopt;
  return bucket.versioning == Versioning::kEnabled ? entry.version : kNullVersion;
}

Result<FoundVersion> KeyVersions::read_row(std::string row_key) const {
  FoundVersion found{.row_key = std::move(row_key), .object = {}};
  KELP_TRY(auto row, rows_->get(found.row_key));
  KELP_TRY(found.object, decode_row(std::move(row)));
  return found;
}

Result<KeyVersions> KeyVersions::read(RowPlan& rows, const BucketEntry& bucket, std::string key) {
  KeyVersions versions(rows, bucket, std::move(key));
  KELP_CHECK(versions.refresh());
  return versions;
}

Result<void> KeyVersions::refresh() {
  KELP_TRY(head_, read_row(keys::object(bucket_->id, key_)));
  if (head_.exists() || !has_versions()) return {};
  const KvRange all = keys::within(keys::versions_of_key(bucket_->id, key_));
  KELP_TRY(auto newest, rows_->first(all, RowPlan::Before::kNothing));
  if (!newest) return {};
  head_.row_key = std::move(newest->first);
  KELP_TRY(head_.object, decode_row(std::move(newest->second)));
  return {};
}

// A head that is as it was read is the same one all the time, with one exception: a null version
// that came and went again. What has an id of its own does not mind that.
Result<void> KeyVersions::order_events() {
  const bool may_return = !head_.exists() || bucket_->versioning == Versioning::kSuspended;
  if (bucket_->events.log == 0 || !may_return) return {};
  KELP_CHECK(rows_->get(deletes_of(bucket_->events.log, key_)));
  return {};
}

const CurrentObject& KeyVersions::current() const {
  return head_.object.entry.delete_marker ? none_ : head_.object;
}

Result<FoundVersion> KeyVersions::find(std::uint64_t version_id) const {
  if (!head_.exists()) return FoundVersion{};
  const ObjectEntry& head = head_.object.entry;
  if (version_id_of(head) == version_id) return head_;
  const std::uint64_t number = version_id == kNullVersion ? head.older_null : version_id;
  if (number == 0 || !has_versions()) return FoundVersion{};
  KELP_TRY(FoundVersion found, read_row(keys::version(bucket_->id, key_, number)));
  if (found.exists() && version_id_of(found.object.entry) != version_id) return FoundVersion{};
  return found;
}

std::string KeyVersions::row_key_of(const ObjectEntry& entry) const {
  return entry.delete_marker ? keys::version(bucket_->id, key_, entry.version)
                             : keys::object(bucket_->id, key_);
}

void KeyVersions::rewrite(FoundVersion version) {
  rows_->put(std::move(version.row_key), encode_entry(version.object.entry));
}

/// Makes the head one of the older versions.
void KeyVersions::demote() {
  if (!head_.exists()) return;
  ObjectEntry& entry = head_.object.entry;
  entry.older_null = 0;
  rows_->remove(head_.row_key);
  rows_->put(keys::version(bucket_->id, key_, entry.version), encode_entry(entry));
  head_ = {};
}

/// Takes the null version away, be it the head or not; the head is read no more.
Result<UsageChange> KeyVersions::drop_null(WallTime now) {
  if (!head_.exists()) return UsageChange{};
  FoundVersion null = head_;
  if (head_.object.entry.has_id) {
    if (head_.object.entry.older_null == 0) return UsageChange{};
    KELP_TRY(null, read_row(keys::version(bucket_->id, key_, head_.object.entry.older_null)));
    if (!null.exists()) return UsageChange{};  // Whoever took it makes this commit fail.
  } else {
    head_ = {};
  }
  rows_->remove(null.row_key);
  drop_body(null.object.entry.layout, now, rows_->rest());
  return negative(usage_of(null.object.entry));
}

Result<UsageChange> KeyVersions::put(ObjectEntry& entry, WallTime now) {
  KELP_ASSERT(entry.version > newest(), "versions of a key rise");
  UsageChange usage = usage_of(entry);
  entry.has_id = bucket_->versioning == Versioning::kEnabled;
  entry.older_null = entry.has_id && head_.exists() ? null_below(head_.object.entry) : 0;
  if (!entry.has_id) {
    KELP_TRY(const UsageChange dropped, drop_null(now));
    usage = usage + dropped;
  }
  demote();
  rows_->put(row_key_of(entry), row_of(*bucket_, entry));
  return usage;
}

Result<UsageChange> KeyVersions::remove(FoundVersion gone, WallTime now) {
  const ObjectEntry& entry = gone.object.entry;
  rows_->remove(gone.row_key);
  drop_body(entry.layout, now, rows_->rest());
  if (gone.row_key == head_.row_key) {
    KELP_CHECK(promote(entry));
  } else if (!entry.has_id) {
    head_.object.entry.older_null = 0;
    rewrite(head_);
  }
  return negative(usage_of(entry));
}

/// Makes the newest of the other versions the head, after `gone`.
Result<void> KeyVersions::promote(const ObjectEntry& gone) {
  head_ = {};
  if (!has_versions()) return {};
  const KvRange others = keys::within(keys::versions_of_key(bucket_->id, key_));
  KELP_TRY(auto next, rows_->first(others, RowPlan::Before::kAny));
  if (!next) return {};
  KELP_TRY(head_.object, decode_row(std::move(next->second)));
  ObjectEntry& entry = head_.object.entry;
  if (entry.has_id) entry.older_null = gone.older_null;
  head_.row_key = row_key_of(entry);
  if (!entry.delete_marker) rows_->remove(std::move(next->first));
  rewrite(head_);
  return {};
}

namespace {

/// The version of a key with this number, whatever its id. No row when there is none.
Result<FoundVersion> find_numbered(RowPlan& rows, const BucketEntry& bucket, std::string_view key,
                                   std::uint64_t version) {
  FoundVersion found{.row_key = keys::object(bucket.id, key), .object = {}};
  KELP_TRY(auto row, rows.get(found.row_key));
  KELP_TRY(found.object, decode_row(std::move(row)));
  if (found.exists() && found.object.entry.version == version) return found;
  if (bucket.versioning == Versioning::kNever) return FoundVersion{};
  found.row_key = keys::version(bucket.id, key, version);
  KELP_TRY(row, rows.get(found.row_key));
  KELP_TRY(found.object, decode_row(std::move(row)));
  return found;
}

}  // namespace

Result<FoundVersion> find_named(const KeyVersions& versions,
                                std::optional<std::uint64_t> version_id) {
  FoundVersion version;
  if (version_id) {
    KELP_TRY(version, versions.find(*version_id));
  } else {
    version = versions.head();
  }
  if (!version.exists() && version_id) {
    return Error(Errc::kNotFound, "no such version to change", Reason::kNoSuchVersion);
  }
  if (!version.exists() || version.object.entry.delete_marker) {
    return Error(Errc::kNotFound, "no such object to change", Reason::kNoSuchKey);
  }
  return version;
}

Result<std::vector<Chunk>> share_version(RowPlan& rows, const BucketEntry& bucket,
                                         const std::string& key, std::uint64_t number,
                                         std::vector<Chunk>& chunks) {
  KELP_TRY(FoundVersion found, find_numbered(rows, bucket, key, number));
  if (!found.exists()) {
    return Error(Errc::kConflict, "what was to be shared has changed", Reason::kConditionConflict);
  }
  ShareSource source{.row_key = std::move(found.row_key), .object = std::move(found.object)};
  auto fresh = share(source, chunks, true, rows.rest());
  std::string row = encode_entry(source.object.entry);
  if (row != source.object.row) rows.put(std::move(source.row_key), std::move(row));
  return fresh;
}

Result<RemovedVersion> remove_current(KeyVersions& versions, const BucketEntry& bucket,
                                      std::uint64_t marker_number, WallTime now) {
  RemovedVersion removed;
  if (bucket.versioning == Versioning::kNever) {
    removed.kind = EventKind::kDelete;
    removed.entry = versions.head().object.entry;
    KELP_TRY(removed.usage, versions.remove(versions.head(), now));
    return removed;
  }
  KELP_CHECK(versions.order_events());
  ObjectEntry& marker = removed.entry;
  marker.version = marker_number;
  marker.delete_marker = true;
  marker.modified = later_than(versions.newest_modified(), now);
  removed.kind = EventKind::kDeleteMarker;
  KELP_TRY(removed.usage, versions.put(marker, now));
  return removed;
}

namespace {

/// Of one key, before anything was planned for it.
bool is_refusal(const Error& error) {
  return error.reason() == Reason::kConditionFailed || error.reason() == Reason::kNoSuchKey ||
         error.reason() == Reason::kObjectLocked;
}

struct Deleted {
  DeleteOutcome outcome;
  UsageChange usage;
  EventKind kind = EventKind::kDelete;
  std::optional<ObjectEntry> entry;  ///< The version that went, or the marker that came.
};

/// Makes a delete marker, or in a bucket that never had versions removes the object.
Result<Deleted> delete_current(KeyVersions& versions, const BucketEntry& bucket,
                               const DeleteTarget& target, WallTime now) {
  KELP_CHECK(check_conditions(target.conditions, versions.current()));
  Deleted deleted;
  deleted.outcome.existed = versions.current().row.has_value();
  const bool versioned = bucket.versioning != Versioning::kNever;
  if (!versioned && !deleted.outcome.existed) return deleted;
  KELP_TRY(RemovedVersion removed, remove_current(versions, bucket, target.marker, now));
  deleted.outcome.delete_marker = versioned;
  if (versioned) deleted.outcome.version_id = version_id_of(removed.entry);
  deleted.usage = removed.usage;
  deleted.kind = removed.kind;
  deleted.entry = std::move(removed.entry);
  return deleted;
}

Result<Deleted> delete_version(KeyVersions& versions, const BucketEntry& bucket,
                               const DeleteTarget& target, WallTime now) {
  KELP_TRY(FoundVersion version, versions.find(*target.version_id));
  KELP_CHECK(check_conditions(target.conditions, version.object));
  Deleted deleted;
  if (bucket.versioning != Versioning::kNever) deleted.outcome.version_id = target.version_id;
  if (!version.exists()) return deleted;
  const ObjectLock& lock = version.object.entry.headers.lock;
  KELP_CHECK(check_removal(lock, target.conditions.bypass_governance, now));
  deleted.outcome.existed = true;
  deleted.outcome.delete_marker = version.object.entry.delete_marker;
  deleted.entry = version.object.entry;
  KELP_TRY(deleted.usage, versions.remove(std::move(version), now));
  return deleted;
}

}  // namespace

Result<PlannedDelete> plan_deletes(RowPlan& rows, const BucketEntry& bucket,
                                   const std::vector<DeleteTarget>& targets, WallTime now) {
  PlannedDelete plan;
  plan.outcomes.reserve(targets.size());
  for (const DeleteTarget& target : targets) {
    KELP_TRY(KeyVersions versions, KeyVersions::read(rows, bucket, target.key));
    if (target.marker != 0 && target.marker <= versions.newest()) {
      plan.too_low = std::max(plan.too_low, versions.newest());
      continue;
    }
    auto deleted = target.version_id ? delete_version(versions, bucket, target, now)
                                     : delete_current(versions, bucket, target, now);
    if (!deleted) {
      if (!is_refusal(deleted.error())) return std::move(deleted).error();
      plan.outcomes.emplace_back(std::move(deleted).error());
      continue;
    }
    plan.outcomes.emplace_back(deleted->outcome);
    plan.usage = plan.usage + deleted->usage;
    if (deleted->entry && bucket.events.log != 0) {
      plan.changes.push_back({deleted->kind, target.key, *std::move(deleted->entry)});
    }
  }
  return plan;
}

}  // namespace kelp
