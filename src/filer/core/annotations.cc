#include "filer/core/annotations.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "filer/core/key_floor.h"
#include "filer/core/keys.h"
#include "filer/core/listing.h"
#include "filer/core/object_lock.h"
#include "filer/core/rows.h"
#include "filer/core/versions.h"

namespace kelp {
namespace {

Error changed_meanwhile(std::string detail) {
  return Error(Errc::kConflict, std::move(detail), Reason::kConditionConflict);
}

/// That an annotation is encrypted as its version is, or at all where that is not.
Result<void> check_inherited(const Encryption& own, const Encryption& of_version) {
  const bool alike = own.kind == of_version.kind && own.key_id == of_version.key_id;
  if (of_version.kind == EncryptionKind::kCustomer) {
    return changed_meanwhile("the version is encrypted with a key that is its customer's");
  }
  if (alike || !of_version.any()) return {};
  return changed_meanwhile("the version is encrypted otherwise");
}

/// The version that is named, which must have the ETag.
Result<FoundVersion> find_annotated(const KeyVersions& versions, const ObjectKey& name,
                                    const std::optional<std::string>& etag) {
  KELP_TRY(FoundVersion version, find_named(versions, name.version_id));
  WriteConditions conditions;
  conditions.if_match = etag;
  KELP_CHECK(check_conditions(conditions, version.object));
  return version;
}

/// An annotation, as it was read; nothing: there is none.
Result<std::optional<ObjectEntry>> read_annotation(RowPlan& rows, std::uint64_t set,
                                                   const std::string& name) {
  if (set == 0) return std::nullopt;
  KELP_TRY(const auto row, rows.get(keys::annotation(set, name)));
  if (!row) return std::nullopt;
  KELP_TRY(ObjectEntry entry, decode_entry(*row));
  return entry;
}

/// What `request` makes the annotation; of the old one it comes later.
Result<ObjectEntry> new_annotation(RowPlan& rows, const PutAnnotation& request,
                                   const AnnotationChange& how) {
  ObjectEntry entry;
  entry.version = how.number;
  entry.modified = how.now;
  entry.size_bytes = request.entry.size_bytes;
  entry.etag = request.entry.etag;
  entry.headers.encryption = request.entry.headers.encryption;
  entry.checksums = request.entry.checksums;
  entry.layout.chunks = request.entry.layout.chunks;
  const bool has_body = request.inline_body && !request.inline_body->empty();
  if (has_body) entry.layout.inline_id = how.number;
  if (!entry.layout.chunks.empty()) {
    KELP_TRY(auto floor, rows.get(keys::key_floor()));
    KELP_CHECK(require_above_floor(std::move(floor), entry.layout.chunks, rows.rest()));
  }
  return entry;
}

Result<PlannedAnnotation> plan_staged(RowPlan& rows, const PutAnnotation& request,
                                      const AnnotationChange& how) {
  PlannedAnnotation planned{.changed = true, .modified = how.now, .set = request.set};
  LooseSetRow loose{.staged = true, .since = how.now};
  if (request.set == 0) {
    planned.set = how.number;
  } else {
    KELP_TRY(const auto row, rows.get(keys::loose_set(request.set)));
    if (!row) return changed_meanwhile("the set of annotations has been given up");
    KELP_TRY(loose, decode_loose_set(*row));
    if (!loose.staged) return changed_meanwhile("the set of annotations is not staged");
  }
  planned.full = loose.count >= kMaxAnnotations;
  if (planned.full) return planned;
  KELP_TRY(const auto there, read_annotation(rows, planned.set, request.name));
  if (there) return Error(Errc::kInvalidArgument, "an annotation is staged once");
  KELP_TRY(const ObjectEntry entry, new_annotation(rows, request, how));
  ++loose.count;
  loose.bytes += entry.size_bytes;
  rows.put(keys::annotation(planned.set, request.name), encode_entry(entry));
  rows.put(keys::loose_set(planned.set), encode_loose_set(loose));
  return planned;
}

}  // namespace

Result<PlannedAnnotation> plan_annotation(RowPlan& rows, const PutAnnotation& request,
                                          const AnnotationChange& how) {
  if (request.staged) return plan_staged(rows, request, how);
  KELP_TRY(KeyVersions versions, KeyVersions::read(rows, how.bucket, request.object.key));
  KELP_TRY(FoundVersion version, find_annotated(versions, request.object, request.if_match));
  const ObjectHeaders& headers = version.object.entry.headers;
  KELP_CHECK(check_inherited(request.entry.headers.encryption, headers.encryption));
  Annotations& annotations = version.object.entry.layout.annotations;
  KELP_TRY(const auto old, read_annotation(rows, annotations.set, request.name));
  PlannedAnnotation planned{.version_id = shown_version_id(how.bucket, version.object.entry)};
  planned.full = !old && annotations.count >= kMaxAnnotations;
  if (planned.full) return planned;
  KELP_TRY(ObjectEntry entry, new_annotation(rows, request, how));
  if (old) {
    KELP_CHECK(check_removal(headers.lock, request.bypass_governance, how.now));
    entry.modified = later_than(old->modified, how.now);
    drop_body(old->layout, how.now, rows.rest());
    annotations.bytes -= old->size_bytes;
    planned.usage.bytes -= static_cast<std::int64_t>(old->size_bytes);
  } else {
    ++annotations.count;
  }
  if (annotations.set == 0) annotations.set = how.number;
  annotations.bytes += entry.size_bytes;
  annotations.revision = how.number;
  planned.changed = true;
  planned.modified = entry.modified;
  planned.usage.bytes += static_cast<std::int64_t>(entry.size_bytes);
  rows.put(keys::annotation(annotations.set, request.name), encode_entry(entry));
  versions.rewrite(std::move(version));
  return planned;
}

Result<PlannedAnnotation> plan_removal(RowPlan& rows, const DeleteAnnotation& request,
                                       const AnnotationChange& how) {
  KELP_TRY(KeyVersions versions, KeyVersions::read(rows, how.bucket, request.object.key));
  KELP_TRY(FoundVersion version, find_annotated(versions, request.object, request.if_match));
  PlannedAnnotation planned{.version_id = shown_version_id(how.bucket, version.object.entry)};
  Annotations& annotations = version.object.entry.layout.annotations;
  KELP_TRY(const auto old, read_annotation(rows, annotations.set, request.name));
  if (!old) return planned;
  const ObjectLock& lock = version.object.entry.headers.lock;
  KELP_CHECK(check_removal(lock, request.bypass_governance, how.now));
  drop_body(old->layout, how.now, rows.rest());
  rows.remove(keys::annotation(annotations.set, request.name));
  annotations.bytes -= old->size_bytes;
  annotations.revision = how.number;
  if (--annotations.count == 0) annotations = {};
  planned.changed = true;
  planned.usage.bytes = -static_cast<std::int64_t>(old->size_bytes);
  versions.rewrite(std::move(version));
  return planned;
}

Result<void> take_staged(std::optional<std::string> row, std::uint64_t set, ObjectEntry& entry,
                         KvBatch& batch) {
  const Annotations named = std::exchange(entry.layout.annotations, {});
  if (set == 0) return {};
  if (!row) return changed_meanwhile("the set of annotations has been given up");
  KELP_TRY(const LooseSetRow loose, decode_loose_set(*row));
  if (!loose.staged) return changed_meanwhile("the set of annotations is not staged");
  if (named.count != loose.count || named.bytes != loose.bytes) {
    return Error(Errc::kInvalidArgument,
                 fmt::format("{} annotations with {} bytes are staged, {} with {} are named",
                             loose.count, loose.bytes, named.count, named.bytes));
  }
  entry.layout.annotations = {
      .set = set, .count = loose.count, .bytes = loose.bytes, .revision = entry.version};
  batch.conditions.push_back(KvCondition::equals(keys::loose_set(set), *std::move(row)));
  batch.writes.push_back(KvWrite::remove(keys::loose_set(set)));
  return {};
}

Result<void> take_staged(RowPlan& rows, std::uint64_t set, ObjectEntry& entry) {
  if (set == 0) return {};
  KELP_TRY(auto row, rows.get(keys::loose_set(set)));
  return take_staged(std::move(row), set, entry, rows.rest());
}

Result<std::vector<ListedObject>> list_annotation_rows(KvStore& store, std::uint64_t set,
                                                       const ListAnnotations& request) {
  std::vector<ListedObject> listed;
  if (set == 0) return listed;
  KvRange range = keys::within(keys::annotations_of(set, request.prefix));
  if (!request.start_after.empty()) {
    range.begin = std::max(range.begin, keys::annotation(set, request.start_after) + '\0');
  }
  if (range.begin >= range.end) return listed;
  KELP_TRY(const auto rows, store.scan(range, std::size_t{request.limit} + 1));
  for (const auto& [key, value] : rows) {
    KELP_TRY(const keys::AnnotationRowKey at, keys::parse_annotation(key));
    KELP_CHECK(read_listed(at.name, value, listed.emplace_back()));
  }
  return listed;
}

}  // namespace kelp
