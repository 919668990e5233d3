#include "filer/core/object_commit.h"

#include <utility>

#include "filer/core/keys.h"
#include "filer/core/rows.h"

namespace kelp {
namespace {

Error condition_failed() {
  return Error(Errc::kPrecondition, "a condition of the write does not hold",
               Reason::kConditionFailed);
}

}  // namespace

Result<void> check_conditions(const WriteConditions& conditions, const CurrentObject& current) {
  if (conditions.if_none_match_any && current.row) return condition_failed();
  if (!conditions.if_match) return {};
  if (!current.row) {
    return Error(Errc::kNotFound, "if-match without a current version", Reason::kNoSuchKey);
  }
  if (*conditions.if_match != "*" && *conditions.if_match != etag_text(current.entry)) {
    return condition_failed();
  }
  return {};
}

void bury(const std::vector<Chunk>& chunks, WallTime now, KvBatch& batch) {
  for (const Chunk& chunk : chunks) {
    batch.writes.push_back(
        KvWrite::put(keys::dead(now, chunk.fid), encode_dead({.size_bytes = chunk.size_bytes,
                                                              .shared = chunk.shared,
                                                              .manifest = chunk.is_manifest()})));
    if (chunk.shared) batch.writes.push_back(KvWrite::add(keys::share(chunk.fid), -1));
  }
}

void drop_bytes(const Layout& layout, WallTime now, KvBatch& batch) {
  if (layout.inline_id != 0) batch.writes.push_back(KvWrite::remove(keys::body(layout.inline_id)));
  bury(layout.chunks, now, batch);
}

void drop_body(const Layout& layout, WallTime now, KvBatch& batch) {
  drop_bytes(layout, now, batch);
  const Annotations& annotations = layout.annotations;
  if (annotations.set == 0) return;
  const LooseSetRow loose{.since = now, .count = annotations.count, .bytes = annotations.bytes};
  batch.writes.push_back(KvWrite::put(keys::loose_set(annotations.set), encode_loose_set(loose)));
}

std::string row_of(const BucketEntry& bucket, ObjectEntry& entry) {
  if (entry.owner_id != bucket.owner_id) return encode_entry(entry);
  std::string owner;
  owner.swap(entry.owner_id);
  std::string row = encode_entry(entry);
  owner.swap(entry.owner_id);
  return row;
}

UsageChange usage_of_put(const CurrentObject& current, std::int64_t bytes) {
  const std::int64_t old_bytes = current.row ? held_bytes(current.entry) : 0;
  return {.objects = current.row ? 0 : 1, .bytes = bytes - old_bytes};
}

void add_put(const ObjectChange& change, ObjectEntry& entry, KvBatch& batch) {
  batch.conditions.push_back(KvCondition::unchanged(change.row_key, change.current.row));
  if (change.current.row) {
    const Layout& gone = change.current.entry.layout;
    const bool keeps_annotations = gone.annotations.set == entry.layout.annotations.set;
    (keeps_annotations ? drop_bytes : drop_body)(gone, change.now, batch);
  }
  batch.writes.push_back(KvWrite::put(change.row_key, row_of(change.bucket, entry)));
}

}  // namespace kelp
