// CompleteMultipartUpload: reads the upload and its parts, decides (core/multipart.h), commits
// once.

#include <algorithm>
#include <utility>

#include "filer/core/keys.h"
#include "filer/core/listing.h"
#include "filer/core/multipart.h"
#include "filer/core/rows.h"
#include "filer/filer_service.h"

namespace kelp {
namespace {

constexpr std::size_t kMaxParts = 10'000;

struct PartsAndPlan {
  CompletePlan plan;
  std::vector<std::string> part_row_keys;
  std::int64_t counted_bytes = 0;  ///< Of the parts.
};

/// Reads every part and decides; on the pool, as it may hash and combine 10,000 checksums.
Result<PartsAndPlan> read_and_plan(KvStore& store, const std::string& upload_row_key,
                                   const UploadRow& upload, const CompleteUpload& request,
                                   std::uint64_t min_part_bytes) {
  KELP_TRY(auto rows, store.scan(keys::parts_behind(upload_row_key, 0), kMaxParts));
  PartsAndPlan read;
  std::vector<StoredPart> stored;
  stored.reserve(rows.size());
  for (auto& [key, value] : rows) {
    KELP_TRY(const keys::UploadRowKey at, keys::parse_upload(key));
    KELP_TRY(PartRow part, decode_part(value));
    read.counted_bytes += counted_bytes(part);
    stored.push_back({at.part_number, std::move(part)});
    read.part_row_keys.push_back(std::move(key));
  }
  KELP_TRY(read.plan, plan_complete(upload, std::move(stored), request, min_part_bytes));
  return read;
}

}  // namespace

Task<Result<CompletedUpload>> FilerService::complete_upload(CompleteUpload request) {
  KELP_CO_CHECK(check_object_key(request.upload.key));
  KELP_CO_TRY(const MemoryBudget::Share memory, take_memory(request.parts.size()));
  request.conditions.origin.cause = EventCause::kUpload;
  for (int attempt = 0; attempt < options_.max_attempts; ++attempt) {
    auto completed = co_await complete_once(request);
    if (completed) co_return completed;
    if (completed.error().reason() == Reason::kNoSuchUpload) {
      co_return co_await finished_answer(request.upload, completed.error());
    }
    if (!lost_race(completed.error())) co_return completed;
  }
  co_return kept_losing(options_.max_attempts);
}

// The upload's row has not changed since before the parts were read, so no part that was read was
// replaced meanwhile; one that is new and was not read is left over for the collector. Needles move
// from part rows that name them, so the key floor does not matter.
Task<Result<CompletedUpload>> FilerService::complete_once(CompleteUpload request) {
  KELP_CO_TRY(FoundUpload found, co_await find_upload(request.upload));
  std::move_only_function<Result<PartsAndPlan>(KvStore&)> work =
      [&found, &request, least = options_.min_part_bytes](KvStore& store) {
        return read_and_plan(store, found.row_key, found.upload, request, least);
      };
  KELP_CO_TRY(PartsAndPlan read, co_await kv_.read<PartsAndPlan>(std::move(work)));
  ObjectEntry& entry = read.plan.entry;
  const BucketEntry& bucket = found.in.bucket;
  const WallTime now = clock_.wall();
  auto end_upload = [&](RowPlan& rows, KeyVersions&) -> Result<void> {
    KvBatch& batch = rows.rest();
    batch.conditions.push_back(KvCondition::equals(found.row_key, found.row));
    bury(read.plan.unused, now, batch);
    for (const std::string& part : read.part_row_keys) {
      batch.writes.push_back(KvWrite::remove(part));
    }
    batch.writes.push_back(KvWrite::remove(found.row_key));
    const FinishedRow finished{.finished = now,
                               .bucket = bucket.id,
                               .key = request.upload.key,
                               .etag = etag_text(entry),
                               .version = entry.version,
                               .checksums = entry.checksums,
                               .version_id = new_version_id(bucket, entry)};
    batch.writes.push_back(KvWrite::put(keys::finished(found.id), encode_finished(finished)));
    return {};
  };
  const std::optional<std::string> no_body;
  NewVersion version{.in = found.in,
                     .key = request.upload.key,
                     .entry = entry,
                     .conditions = request.conditions,
                     .inline_body = no_body,
                     .besides = std::move(end_upload),
                     .more = usage_of_parts(-read.counted_bytes)};
  KELP_CO_CHECK(co_await commit_version(std::move(version)));
  co_return CompletedUpload{.etag = etag_text(entry),
                            .version = entry.version,
                            .checksums = std::move(entry.checksums),
                            .version_id = new_version_id(bucket, entry)};
}

Task<Result<CompletedUpload>> FilerService::finished_answer(UploadName name, Error missing) {
  const auto id = parse_upload_id(name.upload_id);
  if (!id) co_return missing;
  KELP_CO_TRY(const FoundBucket in, co_await find_bucket(std::move(name.bucket)));
  KELP_CO_TRY(const auto row, co_await kv_.get(keys::finished(*id)));
  if (!row) co_return missing;
  KELP_CO_TRY(FinishedRow finished, decode_finished(*row));
  const bool same = finished.bucket == in.bucket.id && finished.key == name.key;
  const bool expired = clock_.wall() - finished.finished > options_.finished_memory;
  if (!same || expired) co_return missing;
  co_return CompletedUpload{.etag = std::move(finished.etag),
                            .version = finished.version,
                            .checksums = std::move(finished.checksums),
                            .version_id = finished.version_id};
}

}  // namespace kelp
