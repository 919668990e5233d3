// Buckets: FilerService's calls that make, find, count and remove them.

#include <algorithm>
#include <utility>

#include "filer/core/keys.h"
#include "filer/core/listing.h"
#include "filer/filer_service.h"
#include "filer/left_overs.h"

namespace kelp {
namespace {

constexpr std::size_t kMaxCounterRows = 1024;  // kinds times shards

Error exists(const BucketEntry& there, const BucketEntry& wanted) {
  const bool own = there.owner_id == wanted.owner_id;
  return Error(Errc::kAlreadyExists, "the bucket exists",
               own ? Reason::kBucketOwnedByYou : Reason::kBucketExists);
}

Error not_empty() {
  return Error(Errc::kConflict, "the bucket is not empty", Reason::kBucketNotEmpty);
}

/// Everything of `range` is gone.
void require_empty(KvRange range, KvBatch& batch) {
  batch.conditions.push_back(
      KvCondition::empty_range(std::move(range.begin), std::move(range.end)));
}

/// Whether the bucket holds an object, a version or an upload; part rows that a race left over do
/// not count.
Result<bool> holds_anything(KvStore& store, BucketId bucket) {
  for (const std::string& prefix : {keys::object(bucket, ""), keys::versions_of(bucket)}) {
    KELP_TRY(const auto rows, store.scan(keys::within(prefix), 1));
    if (!rows.empty()) return true;
  }
  BucketEntry in;
  in.id = bucket;
  ListUploads first;
  first.limit = 1;
  KELP_TRY(const ListedUploads uploads, kelp::list_uploads(store, in, first));
  return !uploads.uploads.empty();
}

Result<ListedBuckets> list_rows(KvStore& store, const ListBuckets& request) {
  ListedBuckets page;
  const auto cursor = store.cursor(keys::within(keys::bucket(request.prefix)));
  const bool from_marker = !request.start_after.empty() && request.start_after >= request.prefix;
  const std::string first =
      from_marker ? keys::bucket(request.start_after) + '\0' : keys::bucket(request.prefix);
  for (cursor->seek(first); cursor->valid(); cursor->next()) {
    KELP_TRY(BucketEntry bucket, decode_bucket(cursor->value()));
    if (!request.owner_id.empty() && bucket.owner_id != request.owner_id) continue;
    if (page.buckets.size() == request.limit) {
      page.truncated = request.limit != 0;
      break;
    }
    bucket.name = keys::bucket_name(cursor->key());
    page.buckets.push_back(std::move(bucket));
  }
  KELP_CHECK(cursor->status());
  return page;
}

Result<BucketUsage> sum_counters(KvStore& store, BucketId bucket) {
  KELP_TRY(const auto rows, store.scan(keys::counts_of(bucket), kMaxCounterRows));
  BucketUsage usage;
  for (const auto& [key, value] : rows) {
    KELP_TRY(const keys::CountRowKey at, keys::parse_count(key));
    KELP_TRY(const std::int64_t count, decode_counter(value));
    (at.what == keys::Counter::kObjects ? usage.objects : usage.bytes) += count;
  }
  return usage;
}

}  // namespace

Task<Result<BucketEntry>> FilerService::create_bucket(BucketEntry bucket) {
  if (bucket.name.empty()) co_return Error(Errc::kInvalidArgument, "a bucket needs a name");
  for (int attempt = 0; attempt < options_.max_attempts; ++attempt) {
    const auto there = co_await find_bucket(bucket.name);
    if (there) co_return exists(there->bucket, bucket);
    if (there.error().reason() != Reason::kNoSuchBucket) co_return there.error();
    KELP_CO_TRY(const std::uint64_t id, co_await ids_.next());
    bucket.id = BucketId(id);
    bucket.created = clock_.wall();

    const std::string row_key = keys::bucket(bucket.name);
    BucketEntry stored = bucket;
    stored.name.clear();  // the key says it
    KvBatch batch;
    batch.conditions.push_back(KvCondition::absent(row_key));
    batch.writes.push_back(KvWrite::put(row_key, encode_bucket(stored)));
    const Result<void> committed = co_await kv_.commit(std::move(batch));
    if (committed) co_return bucket;
    if (!lost_race(committed.error())) co_return committed.error();
  }
  co_return kept_losing(options_.max_attempts);
}

Task<Result<BucketEntry>> FilerService::get_bucket(std::string name) {
  KELP_CO_TRY(FoundBucket found, co_await find_bucket(std::move(name)));
  co_return std::move(found.bucket);
}

// A put that races with this one is refused by its condition on the bucket's row, or comes first
// and makes the object range's condition fail here.
Task<Result<void>> FilerService::delete_bucket(std::string name) {
  for (int attempt = 0; attempt < options_.max_attempts; ++attempt) {
    KELP_CO_TRY(const FoundBucket found, co_await find_bucket(name));
    const BucketId id = found.bucket.id;
    KvBatch batch;
    batch.conditions.push_back(KvCondition::equals(found.row_key, found.row));
    require_empty(keys::within(keys::object(id, "")), batch);
    require_empty(keys::within(keys::versions_of(id)), batch);
    require_empty(keys::within(keys::uploads_of(id)), batch);
    const KvRange counters = keys::counts_of(id);
    batch.writes.push_back(KvWrite::remove_range(counters.begin, counters.end));
    batch.writes.push_back(KvWrite::remove(found.row_key));
    const Result<void> committed = co_await kv_.commit(std::move(batch));
    if (committed) co_return Result<void>();
    if (!lost_race(committed.error())) co_return committed.error();

    std::move_only_function<Result<bool>(KvStore&)> look = [id](KvStore& store) {
      return holds_anything(store, id);
    };
    KELP_CO_TRY(const bool full, co_await kv_.read<bool>(std::move(look)));
    if (full) co_return not_empty();
    KELP_CO_TRY(const std::uint64_t swept,
                co_await sweep_left_over_parts(kv_, keys::uploads_of(id), clock_.wall()));
    static_cast<void>(swept);
  }
  co_return kept_losing(options_.max_attempts);
}

Task<Result<ListedBuckets>> FilerService::list_buckets(ListBuckets request) {
  std::move_only_function<Result<ListedBuckets>(KvStore&)> list =
      [request = std::move(request)](KvStore& store) { return list_rows(store, request); };
  co_return co_await kv_.read<ListedBuckets>(std::move(list));
}

Task<Result<BucketUsage>> FilerService::bucket_usage(std::string name) {
  KELP_CO_TRY(const FoundBucket found, co_await find_bucket(std::move(name)));
  std::move_only_function<Result<BucketUsage>(KvStore&)> sum =
      [id = found.bucket.id](KvStore& store) { return sum_counters(store, id); };
  co_return co_await kv_.read<BucketUsage>(std::move(sum));
}

}  // namespace kelp
