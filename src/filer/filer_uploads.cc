// Multipart uploads: FilerService's calls that begin, fill, list and abort them.

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "filer/core/keys.h"
#include "filer/core/listing.h"
#include "filer/core/manifest.h"
#include "filer/core/rows.h"
#include "filer/filer_service.h"
#include "wire/sealed.h"

namespace kelp {
namespace {

constexpr std::uint32_t kMaxParts = 10'000;
constexpr std::uint32_t kMaxPage = 1000;

Result<void> check_part(const PutPart& request) {
  if (request.part_number < 1 || request.part_number > kMaxParts) {
    return Error(Errc::kInvalidArgument, fmt::format("part number {}; 1 to {} are allowed",
                                                     request.part_number, kMaxParts));
  }
  return {};
}

/// That the chunks are the whole part, as the upload says it is encrypted.
Result<void> check_chunks(const PutPart& request, const Encryption& encryption) {
  std::uint64_t in_chunks = 0;
  for (const Chunk& chunk : request.chunks) in_chunks += chunk.size_bytes;
  const std::uint64_t stored = stored_bytes(encryption, request.size_bytes);
  if (in_chunks == stored) return {};
  return Error(Errc::kInvalidArgument,
               fmt::format("chunks of {} bytes for a part of {}", in_chunks, stored));
}

UploadInfo info_of(std::uint64_t id, std::string key, UploadRow upload, const BucketEntry& bucket) {
  UploadInfo info;
  info.upload_id = upload_id_text(id);
  info.key = std::move(key);
  info.owner_id = upload.owner_id.empty() ? bucket.owner_id : std::move(upload.owner_id);
  info.created = upload.created;
  info.headers = std::move(upload.headers);
  info.checksum_algorithm = upload.checksum_algorithm;
  info.checksum_type = upload.checksum_type;
  return info;
}

struct PartPage {
  std::vector<ListedPart> parts;
  bool truncated = false;
};

Result<PartPage> read_parts(KvStore& store, const std::string& upload_row_key,
                            std::uint32_t after_part, std::uint32_t limit) {
  PartPage page;
  KELP_TRY(const auto rows, store.scan(keys::parts_behind(upload_row_key, after_part), limit + 1));
  for (const auto& [key, value] : rows) {
    if (page.parts.size() == limit) {
      page.truncated = limit != 0;
      break;
    }
    KELP_TRY(const keys::UploadRowKey at, keys::parse_upload(key));
    KELP_TRY(PartRow part, decode_part(value));
    page.parts.push_back({at.part_number, part.size_bytes, part.modified, std::move(part.md5),
                          std::move(part.checksums)});
  }
  return page;
}

/// Takes away an upload with all its parts.
struct AbortPlan {
  KvBatch batch;
  UsageChange usage;
};

Result<AbortPlan> plan_abort(KvStore& store, const std::string& row_key, const std::string& row,
                             WallTime now) {
  AbortPlan plan;
  KvBatch& batch = plan.batch;
  batch.conditions.push_back(KvCondition::equals(row_key, row));
  KELP_TRY(const auto parts, store.scan(keys::parts_behind(row_key, 0), kMaxParts + 1));
  for (const auto& [key, value] : parts) {
    KELP_TRY(const PartRow part, decode_part(value));
    bury(part.chunks, now, batch);
    batch.writes.push_back(KvWrite::remove(key));
    plan.usage = plan.usage + usage_of_parts(-counted_bytes(part));
  }
  batch.writes.push_back(KvWrite::remove(row_key));
  return plan;
}

}  // namespace

Task<Result<UploadInfo>> FilerService::create_upload(CreateUpload request) {
  KELP_CO_CHECK(check_object_key(request.key));
  for (int attempt = 0; attempt < options_.max_attempts; ++attempt) {
    KELP_CO_TRY(const FoundBucket in, co_await find_bucket(request.bucket));
    KELP_CO_TRY(const std::uint64_t id, co_await ids_.next());
    UploadRow upload;
    upload.created = clock_.wall();
    if (request.owner_id != in.bucket.owner_id) upload.owner_id = request.owner_id;
    upload.headers = request.headers;
    upload.checksum_algorithm = request.checksum_algorithm;
    upload.checksum_type = request.checksum_type;

    KvBatch batch;
    batch.conditions.push_back(KvCondition::equals(in.row_key, in.row));
    batch.writes.push_back(
        KvWrite::put(keys::upload(in.bucket.id, request.key, id), encode_upload(upload)));
    const Result<void> committed = co_await kv_.commit(std::move(batch));
    if (committed) co_return info_of(id, std::move(request.key), std::move(upload), in.bucket);
    if (!lost_race(committed.error())) co_return committed.error();
  }
  co_return kept_losing(options_.max_attempts);
}

Task<Result<FilerService::FoundUpload>> FilerService::find_upload(UploadName name) {
  FoundUpload found;
  KELP_CO_TRY(found.in, co_await find_bucket(std::move(name.bucket)));
  const auto id = parse_upload_id(name.upload_id);
  if (!id) co_return no_such_upload();
  found.id = *id;
  found.row_key = keys::upload(found.in.bucket.id, name.key, *id);
  KELP_CO_TRY(auto row, co_await kv_.get(found.row_key));
  if (!row) co_return no_such_upload();
  found.row = *std::move(row);
  KELP_CO_TRY(found.upload, decode_upload(found.row));
  co_return found;
}

Task<Result<UploadInfo>> FilerService::get_upload(UploadName name) {
  KELP_CO_TRY(FoundUpload found, co_await find_upload(name));
  co_return info_of(found.id, std::move(name.key), std::move(found.upload), found.in.bucket);
}

Task<Result<void>> FilerService::put_part(PutPart request) {
  return put_part(std::move(request), std::nullopt);
}

Task<Result<void>> FilerService::share_part(SharePart request) {
  return put_part(std::move(request.put),
                  SharedFrom{std::move(request.from), request.from_version});
}

Task<Result<void>> FilerService::put_part(PutPart request, std::optional<SharedFrom> from) {
  KELP_CO_CHECK(check_part(request));
  for (int attempt = 0; attempt < options_.max_attempts; ++attempt) {
    const Result<void> put = co_await put_part_once(request, from);
    if (put || !lost_race(put.error())) co_return put;
  }
  co_return kept_losing(options_.max_attempts);
}

// A new part only needs its upload to be there. One that replaces another also raises the upload's
// epoch, so that a Complete that has read the old part loses.
Task<Result<void>> FilerService::put_part_once(PutPart request, std::optional<SharedFrom> from) {
  KELP_CO_TRY(FoundUpload found, co_await find_upload(request.upload));
  KELP_CO_CHECK(check_chunks(request, found.upload.headers.encryption));
  const std::string row_key = keys::part(found.row_key, request.part_number);
  KELP_CO_TRY(auto old_row, co_await kv_.get(row_key));
  const WallTime now = clock_.wall();
  PartRow part{now, request.size_bytes, std::move(request.md5), std::move(request.checksums),
               std::move(request.chunks)};
  std::int64_t more = counted_bytes(part);
  KvBatch batch;
  batch.conditions.push_back(KvCondition::equals(found.in.row_key, std::move(found.in.row)));
  CurrentObject no_object;  // a part never shares with itself
  KELP_CO_CHECK(co_await name_chunks(from, row_key, no_object, part.chunks, batch));
  if (is_long(part.chunks, options_.most_chunks)) {
    KELP_CO_TRY(const std::uint64_t id, co_await ids_.next());
    fold(part.chunks, id, batch);
  }
  if (old_row) {
    KELP_CO_TRY(const PartRow old, decode_part(*old_row));
    part.modified = std::max(part.modified, old.modified);
    more -= counted_bytes(old);
    bury(old.chunks, now, batch);
    batch.conditions.push_back(KvCondition::equals(found.row_key, std::move(found.row)));
    batch.conditions.push_back(KvCondition::equals(row_key, *std::move(old_row)));
    ++found.upload.epoch;
    batch.writes.push_back(KvWrite::put(found.row_key, encode_upload(found.upload)));
  } else {
    batch.conditions.push_back(KvCondition::present(found.row_key));
    batch.conditions.push_back(KvCondition::absent(row_key));
  }
  batch.writes.push_back(KvWrite::put(row_key, encode_part(part)));
  const UsageChange usage = usage_of_parts(more);
  if (needs_room(found.in.bucket, usage)) {
    KELP_CO_CHECK(co_await require_room_now(found.in.bucket, usage, batch));
  }
  add_usage(found.in.bucket, usage, options_.counter_shard, batch);
  co_return co_await kv_.commit(std::move(batch));
}

Task<Result<ListedParts>> FilerService::list_parts(UploadName name, std::uint32_t after_part,
                                                   std::uint32_t limit) {
  KELP_CO_TRY(FoundUpload found, co_await find_upload(name));
  std::move_only_function<Result<PartPage>(KvStore&)> list =
      [row_key = std::move(found.row_key), after_part, limit = std::min(limit, kMaxPage)](
          KvStore& store) { return read_parts(store, row_key, after_part, limit); };
  KELP_CO_TRY(PartPage page, co_await kv_.read<PartPage>(std::move(list)));
  ListedParts listed;
  listed.upload = info_of(found.id, std::move(name.key), std::move(found.upload), found.in.bucket);
  listed.parts = std::move(page.parts);
  listed.truncated = page.truncated;
  co_return listed;
}

Task<Result<ListedUploads>> FilerService::list_uploads(ListUploads request) {
  KELP_CO_TRY(FoundBucket in, co_await find_bucket(request.bucket));
  request.limit = std::min(request.limit, kMaxPage);
  std::move_only_function<Result<ListedUploads>(KvStore&)> list =
      [bucket = std::move(in.bucket), request = std::move(request)](KvStore& store) {
        return kelp::list_uploads(store, bucket, request);
      };
  co_return co_await kv_.read<ListedUploads>(std::move(list));
}

// A part that arrives between the scan and the commit stays behind without its upload; the
// collector takes it.
Task<Result<void>> FilerService::abort_upload(UploadName name) {
  return abort_upload(std::move(name), std::nullopt);
}

Task<Result<void>> FilerService::abort_upload(UploadName name, std::optional<KvRow> required) {
  for (int attempt = 0; attempt < options_.max_attempts; ++attempt) {
    KELP_CO_TRY(FoundUpload found, co_await find_upload(name));
    std::move_only_function<Result<AbortPlan>(KvStore&)> make =
        [row_key = std::move(found.row_key), row = std::move(found.row),
         now = clock_.wall()](KvStore& store) { return plan_abort(store, row_key, row, now); };
    KELP_CO_TRY(AbortPlan plan, co_await kv_.read<AbortPlan>(std::move(make)));
    if (required) {
      KELP_CO_TRY(auto row, co_await kv_.get(required->first));
      if (row != required->second) co_return judged_otherwise();
      plan.batch.conditions.push_back(KvCondition::equals(required->first, required->second));
    }
    add_usage(found.in.bucket, plan.usage, options_.counter_shard, plan.batch);
    const Result<void> aborted = co_await kv_.commit(std::move(plan.batch));
    if (aborted || !lost_race(aborted.error())) co_return aborted;
  }
  co_return kept_losing(options_.max_attempts);
}

}  // namespace kelp
