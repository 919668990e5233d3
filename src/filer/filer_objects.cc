// Objects: FilerService's calls that put, find, remove and list them.

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <unordered_set>
#include <utility>

#include "filer/core/keys.h"
#include "filer/core/listing.h"
#include "filer/core/rows.h"
#include "filer/filer_service.h"

namespace kelp {
namespace {

constexpr std::size_t kMaxDeletes = 1000;
constexpr std::uint32_t kMaxPage = 1000;
// A body may be overwritten again and again between the read of its entry and its own.
constexpr int kMaxBodyReads = 100;

/// What only a faulty caller gets wrong.
Result<void> check_put(const PutObject& request, std::uint64_t inline_limit_bytes) {
  KELP_CHECK(check_object_key(request.key));
  const ObjectEntry& entry = request.entry;
  if (request.inline_body) {
    if (request.inline_body->size() <= inline_limit_bytes &&
        request.inline_body->size() == entry.size_bytes && entry.layout.chunks.empty()) {
      return {};
    }
    return Error(
        Errc::kInvalidArgument,
        fmt::format("inline body of {} bytes for an entry of {} bytes and {} chunks",
                    request.inline_body->size(), entry.size_bytes, entry.layout.chunks.size()));
  }
  std::uint64_t in_chunks = 0;
  for (const Chunk& chunk : entry.layout.chunks) in_chunks += chunk.size_bytes;
  if (in_chunks == entry.size_bytes) return {};
  return Error(Errc::kInvalidArgument,
               fmt::format("chunks of {} bytes for an entry of {}", in_chunks, entry.size_bytes));
}

Result<CurrentObject> read_object(KvStore& store, const std::string& row_key) {
  CurrentObject current;
  KELP_TRY(current.row, store.get(row_key));
  if (current.row) {
    KELP_TRY(current.entry, decode_entry(*current.row));
  }
  return current;
}

/// The one commit of a multi-delete, and what it answers when it succeeds.
struct DeletePlan {
  KvBatch batch;
  std::vector<Result<DeleteOutcome>> outcomes;
};

Result<DeletePlan> plan_deletes(KvStore& store, const BucketEntry& bucket,
                                const std::vector<std::string>& keys, WallTime now) {
  DeletePlan plan;
  std::unordered_set<std::string_view> seen;
  for (const std::string& key : keys) {
    if (auto checked = check_object_key(key); !checked) {
      plan.outcomes.emplace_back(std::move(checked).error());
      continue;
    }
    const std::string row_key = keys::object(bucket.id, key);
    KELP_TRY(const CurrentObject current, read_object(store, row_key));
    const bool existed = current.row.has_value() && seen.insert(key).second;
    if (existed) {
      add_delete({.bucket = bucket, .row_key = row_key, .current = current, .now = now},
                 plan.batch);
    }
    plan.outcomes.emplace_back(DeleteOutcome{existed});
  }
  return plan;
}

}  // namespace

Task<Result<WriteOutcome>> FilerService::put_object(PutObject request) {
  KELP_CO_CHECK(check_put(request, options_.inline_limit_bytes));
  const bool has_body = request.inline_body && !request.inline_body->empty();
  ObjectEntry& entry = request.entry;
  for (int attempt = 0; attempt < options_.max_attempts; ++attempt) {
    KELP_CO_TRY(const FoundBucket in, co_await find_bucket(request.bucket));
    const std::string row_key = keys::object(in.bucket.id, request.key);
    KELP_CO_TRY(const CurrentObject current, co_await find_object(row_key));
    KELP_CO_CHECK(check_conditions(request.conditions, current));
    KELP_CO_TRY(entry.version, co_await ids_.next(current.entry.version));
    const WallTime now = clock_.wall();
    entry.modified = std::max(now, current.entry.modified);
    entry.layout.inline_id = has_body ? entry.version : 0;

    KvBatch batch;
    batch.conditions.reserve(2);
    batch.writes.reserve(5);
    batch.conditions.push_back(KvCondition::equals(in.row_key, in.row));
    if (has_body) {
      std::string body;
      body.reserve(request.inline_body->size() + 8);
      body = *request.inline_body;
      seal_body(entry.layout.inline_id, body);
      batch.writes.push_back(KvWrite::put(keys::body(entry.layout.inline_id), std::move(body)));
    }
    const ObjectChange change{
        .bucket = in.bucket, .row_key = row_key, .current = current, .now = now};
    add_put(change, entry, batch);
    const Result<void> committed = co_await kv_.commit(std::move(batch));
    if (committed) co_return WriteOutcome{entry.version, entry.modified};
    if (!lost_race(committed.error())) co_return committed.error();
  }
  co_return kept_losing(options_.max_attempts);
}

Task<Result<FoundObject>> FilerService::get_object(ObjectKey name, bool with_inline_body) {
  KELP_CO_TRY(FoundBucket in, co_await find_bucket(std::move(name.bucket)));
  const std::string row_key = keys::object(in.bucket.id, name.key);
  FoundObject found;
  found.bucket = std::move(in.bucket);
  for (int attempt = 0; attempt < kMaxBodyReads; ++attempt) {
    const std::uint64_t before = found.entry.version;
    KELP_CO_TRY(CurrentObject current, co_await find_object(row_key));
    if (!current.row) co_return Error(Errc::kNotFound, "no such key", Reason::kNoSuchKey);
    found.entry = std::move(current.entry);
    if (found.entry.owner_id.empty()) found.entry.owner_id = found.bucket.owner_id;
    const std::uint64_t id = found.entry.layout.inline_id;
    if (!with_inline_body || id == 0) co_return found;

    KELP_CO_TRY(found.inline_body, co_await kv_.get(keys::body(id)));
    if (found.inline_body) {
      KELP_CO_CHECK(open_body(id, *found.inline_body));
      if (found.inline_body->size() == found.entry.size_bytes) co_return found;
      co_return Error(Errc::kCorruption,
                      fmt::format("inline body {}: {} bytes, its entry says {}", id,
                                  found.inline_body->size(), found.entry.size_bytes));
    }
    // Overwritten between the two reads, unless the entry is still the same.
    if (found.entry.version == before) {
      co_return Error(Errc::kCorruption, fmt::format("inline body {} is missing", id));
    }
  }
  co_return Error(Errc::kUnavailable, "the object changes faster than it can be read");
}

Task<Result<DeleteOutcome>> FilerService::delete_object(ObjectKey name,
                                                        WriteConditions conditions) {
  KELP_CO_CHECK(check_object_key(name.key));
  for (int attempt = 0; attempt < options_.max_attempts; ++attempt) {
    KELP_CO_TRY(const FoundBucket in, co_await find_bucket(name.bucket));
    const std::string row_key = keys::object(in.bucket.id, name.key);
    KELP_CO_TRY(const CurrentObject current, co_await find_object(row_key));
    KELP_CO_CHECK(check_conditions(conditions, current));
    if (!current.row) co_return DeleteOutcome{false};

    KvBatch batch;
    const ObjectChange change{
        .bucket = in.bucket, .row_key = row_key, .current = current, .now = clock_.wall()};
    add_delete(change, batch);
    const Result<void> committed = co_await kv_.commit(std::move(batch));
    if (committed) co_return DeleteOutcome{true};
    if (!lost_race(committed.error())) co_return committed.error();
  }
  co_return kept_losing(options_.max_attempts);
}

Task<Result<std::vector<Result<DeleteOutcome>>>> FilerService::delete_objects(
    std::string bucket, std::vector<std::string> keys) {
  if (keys.size() > kMaxDeletes) {
    co_return Error(Errc::kInvalidArgument, fmt::format("{} keys; at most {} are deleted at once",
                                                        keys.size(), kMaxDeletes));
  }
  for (int attempt = 0; attempt < options_.max_attempts; ++attempt) {
    KELP_CO_TRY(const FoundBucket in, co_await find_bucket(bucket));
    // `keys` stays ours: the read is over before this goes on.
    std::move_only_function<Result<DeletePlan>(KvStore&)> make =
        [&keys, &in, now = clock_.wall()](KvStore& store) {
          return plan_deletes(store, in.bucket, keys, now);
        };
    KELP_CO_TRY(DeletePlan plan, co_await kv_.read<DeletePlan>(std::move(make)));
    if (plan.batch.writes.empty()) co_return std::move(plan.outcomes);
    const Result<void> committed = co_await kv_.commit(std::move(plan.batch));
    if (committed) co_return std::move(plan.outcomes);
    if (!lost_race(committed.error())) co_return committed.error();
  }
  co_return kept_losing(options_.max_attempts);
}

Task<Result<ListedPage>> FilerService::list_objects(ListObjects request) {
  KELP_CO_TRY(FoundBucket in, co_await find_bucket(request.bucket));
  request.limit = std::min(request.limit, kMaxPage);
  std::move_only_function<Result<ListedPage>(KvStore&)> list =
      [bucket = std::move(in.bucket), request = std::move(request)](KvStore& store) {
        return kelp::list_objects(store, bucket, request);
      };
  co_return co_await kv_.read<ListedPage>(std::move(list));
}

}  // namespace kelp
