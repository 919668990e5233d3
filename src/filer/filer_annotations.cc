// Annotations of objects: FilerService's calls that put, find, list and remove them.

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "filer/core/annotations.h"
#include "filer/core/keys.h"
#include "filer/core/rows.h"
#include "filer/filer_service.h"
#include "wire/sealed.h"

namespace kelp {
namespace {

// Annotations may be changed again and again between the reads of a version and of its own row.
constexpr int kMaxReads = 100;

Error no_such_annotation() {
  return Error(Errc::kNotFound, "no such annotation");
}

/// What only a faulty caller gets wrong.
Result<void> check_annotation(const PutAnnotation& request, std::uint64_t inline_limit_bytes) {
  if (request.name.empty() || request.name.size() > kMaxAnnotationNameBytes) {
    return Error(Errc::kInvalidArgument,
                 fmt::format("the name of an annotation with {} bytes", request.name.size()));
  }
  if (!request.staged) {
    KELP_CHECK(check_object_key(request.object.key));
  }
  std::uint64_t bytes = request.inline_body ? request.inline_body->size() : 0;
  const bool fits =
      bytes <= inline_limit_bytes && (!request.inline_body || request.entry.layout.chunks.empty());
  for (const Chunk& chunk : request.entry.layout.chunks) bytes += chunk.size_bytes;
  if (fits && bytes == stored_bytes(request.entry)) return {};
  return Error(Errc::kInvalidArgument,
               fmt::format("{} bytes for an annotation of {}", bytes, stored_bytes(request.entry)));
}

/// Nobody has changed the annotations of the version since it was found.
bool is_same(const ObjectEntry& a, const ObjectEntry& b) {
  return a.version == b.version && a.layout.annotations == b.layout.annotations;
}

Error changes_too_fast() {
  return Error(Errc::kUnavailable, "the annotations change faster than they can be read");
}

}  // namespace

Task<Result<PlannedAnnotation>> FilerService::change_annotations(
    std::string bucket, PlanAnnotation make, const std::optional<std::string>& body) {
  for (int attempt = 0; attempt < options_.max_attempts; ++attempt) {
    auto done = co_await change_annotations_once(bucket, make, body);
    if (done || !lost_race(done.error())) co_return done;
  }
  co_return kept_losing(options_.max_attempts);
}

Task<Result<PlannedAnnotation>> FilerService::change_annotations_once(
    std::string bucket, PlanAnnotation make, const std::optional<std::string>& body) {
  KELP_CO_TRY(FoundBucket in, co_await find_bucket(std::move(bucket)));
  KELP_CO_TRY(const std::uint64_t number, co_await ids_.next());
  std::function<Result<PlannedAnnotation>(RowPlan&)> with_number = [&](RowPlan& rows) {
    return make(rows, in.bucket, number);
  };
  KELP_CO_TRY(auto planned, co_await plan(with_number));
  const PlannedAnnotation& change = planned.value;
  if (change.full || !change.changed) co_return std::move(planned.value);
  KvBatch& batch = planned.batch;
  batch.conditions.push_back(KvCondition::equals(in.row_key, in.row));
  if (body && !body->empty()) {
    std::string sealed = *body;
    seal_body(number, sealed);
    batch.writes.push_back(KvWrite::put(keys::body(number), std::move(sealed)));
  }
  if (needs_room(in.bucket, change.usage)) {
    KELP_CO_CHECK(co_await require_room_now(in.bucket, change.usage, batch));
  }
  add_usage(in.bucket, change.usage, options_.counter_shard, batch);
  KELP_CO_CHECK(co_await kv_.commit(std::move(batch)));
  co_return std::move(planned.value);
}

Task<Result<AnnotationOutcome>> FilerService::put_annotation(PutAnnotation request) {
  KELP_CO_CHECK(check_annotation(request, options_.inline_limit_bytes));
  PlanAnnotation make = [&request, this](RowPlan& rows, const BucketEntry& bucket,
                                         std::uint64_t number) {
    return plan_annotation(rows, request,
                           {.bucket = bucket, .number = number, .now = clock_.wall()});
  };
  KELP_CO_TRY(const PlannedAnnotation done,
              co_await change_annotations(request.object.bucket, make, request.inline_body));
  co_return AnnotationOutcome{
      .full = done.full, .modified = done.modified, .set = done.set, .version_id = done.version_id};
}

Task<Result<TaggedVersion>> FilerService::delete_annotation(DeleteAnnotation request) {
  KELP_CO_CHECK(check_object_key(request.object.key));
  PlanAnnotation make = [&request, this](RowPlan& rows, const BucketEntry& bucket,
                                         std::uint64_t number) {
    return plan_removal(rows, request, {.bucket = bucket, .number = number, .now = clock_.wall()});
  };
  const std::optional<std::string> no_body;
  KELP_CO_TRY(const PlannedAnnotation done,
              co_await change_annotations(request.object.bucket, make, no_body));
  co_return TaggedVersion{done.version_id};
}

/// The version whose annotations are asked for.
Task<Result<FoundObject>> FilerService::find_annotated(ObjectKey name) {
  KELP_CO_TRY(FoundObject found, co_await get_object(std::move(name), false));
  if (!found.entry.delete_marker) co_return found;
  co_return Error(Errc::kNotFound, "a delete marker has no annotations", Reason::kNoSuchKey);
}

// Every change of an annotation changes its version's entry: what was read between two looks at
// the same one was there at one point in time.
Task<Result<FoundAnnotation>> FilerService::get_annotation(GetAnnotation request) {
  for (int attempt = 0; attempt < kMaxReads; ++attempt) {
    KELP_CO_TRY(FoundObject found, co_await find_annotated(request.object));
    const std::uint64_t set = found.entry.layout.annotations.set;
    if (set == 0) co_return no_such_annotation();
    KELP_CO_TRY(const auto row, co_await kv_.get(keys::annotation(set, request.name)));
    FoundAnnotation answer{.bucket = std::move(found.bucket), .object = std::move(found.entry)};
    if (row) {
      KELP_CO_TRY(answer.annotation, decode_entry(*row));
      const std::uint64_t id = answer.annotation.layout.inline_id;
      if (!request.with_inline_body || id == 0) co_return answer;
      KELP_CO_TRY(answer.inline_body, co_await kv_.get(keys::body(id)));
      if (answer.inline_body) {
        KELP_CO_CHECK(open_body(id, *answer.inline_body));
        co_return answer;
      }
    }
    KELP_CO_TRY(const FoundObject again, co_await find_annotated(request.object));
    if (!is_same(answer.object, again.entry)) continue;
    if (!row) co_return no_such_annotation();
    co_return Error(Errc::kCorruption,
                    fmt::format("inline body {} is missing", answer.annotation.layout.inline_id));
  }
  co_return changes_too_fast();
}

Task<Result<ListedAnnotations>> FilerService::list_annotations(ListAnnotations request) {
  request.limit = std::min(request.limit, kMaxAnnotations);
  for (int attempt = 0; attempt < kMaxReads; ++attempt) {
    KELP_CO_TRY(FoundObject found, co_await find_annotated(request.object));
    const std::uint64_t set = found.entry.layout.annotations.set;
    using Listed = std::vector<ListedObject>;
    std::move_only_function<Result<Listed>(KvStore&)> list = [&request, set](KvStore& store) {
      return list_annotation_rows(store, set, request);
    };
    KELP_CO_TRY(Listed listed, co_await kv_.read<Listed>(std::move(list)));
    KELP_CO_TRY(const FoundObject again, co_await find_annotated(request.object));
    if (!is_same(found.entry, again.entry)) continue;
    ListedAnnotations page{.bucket = std::move(found.bucket), .object = std::move(found.entry)};
    page.truncated = listed.size() > request.limit;
    if (page.truncated) listed.resize(request.limit);
    page.annotations = std::move(listed);
    co_return page;
  }
  co_return changes_too_fast();
}

}  // namespace kelp
