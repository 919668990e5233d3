// Buckets: FilerService's calls that make, find, count and remove them.

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "filer/core/event_log.h"
#include "filer/core/keys.h"
#include "filer/core/listing.h"
#include "filer/core/notify_rows.h"
#include "filer/core/object_lock.h"
#include "filer/core/rows.h"
#include "filer/dropped_buckets.h"
#include "filer/filer_service.h"

namespace kelp {
namespace {

constexpr std::uint64_t kMaxQuota = 1ULL << 62;
constexpr std::size_t kMaxSettingBytes = 1 << 20;
constexpr std::uint32_t kMaxSettingsListed = 1000;
constexpr std::size_t kMaxListedSettingBytes = 4 << 20;

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

/// Whether the bucket holds an object or a version.
Result<bool> holds_objects(KvStore& store, BucketId bucket) {
  for (const std::string& prefix : {keys::object(bucket, ""), keys::versions_of(bucket)}) {
    KELP_TRY(const auto rows, store.scan(keys::within(prefix), 1));
    if (!rows.empty()) return true;
  }
  return false;
}

/// Whether the account has as many buckets as it may.
Result<bool> owns(KvStore& store, const std::string& account, std::uint32_t limit) {
  std::uint32_t owned = 0;
  const auto cursor = store.cursor(keys::within(keys::bucket("")));
  for (cursor->seek(keys::bucket("")); owned < limit && cursor->valid(); cursor->next()) {
    KELP_TRY(const BucketEntry bucket, decode_bucket(cursor->value()));
    if (bucket.owner_id == account) ++owned;
  }
  KELP_CHECK(cursor->status());
  return owned == limit;
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

Result<ListedBucketSettings> list_setting_rows(KvStore& store, BucketId bucket,
                                               const ListBucketSettings& request) {
  ListedBucketSettings page;
  const std::size_t name_at = keys::setting(bucket, "").size();
  const auto cursor = store.cursor(keys::within(keys::setting(bucket, request.prefix)));
  const bool from_marker = request.start_after >= request.prefix && !request.start_after.empty();
  const std::string first = from_marker ? keys::setting(bucket, request.start_after) + '\0'
                                        : keys::setting(bucket, request.prefix);
  std::size_t bytes = 0;
  for (cursor->seek(first); cursor->valid(); cursor->next()) {
    if (page.settings.size() == std::min(request.limit, kMaxSettingsListed) ||
        bytes >= kMaxListedSettingBytes) {
      page.truncated = true;
      break;
    }
    KELP_TRY(std::string value, decode_setting(cursor->value()));
    bytes += value.size();
    page.settings.push_back({.bucket = {},
                             .name = std::string(cursor->key().substr(name_at)),
                             .value = std::move(value)});
  }
  KELP_CHECK(cursor->status());
  return page;
}

}  // namespace

Task<Result<BucketEntry>> FilerService::create_bucket(BucketEntry bucket) {
  if (bucket.name.empty()) co_return Error(Errc::kInvalidArgument, "a bucket needs a name");
  KELP_CO_CHECK(check_bucket_lock(bucket));
  for (int attempt = 0; attempt < options_.max_attempts; ++attempt) {
    const auto there = co_await find_bucket(bucket.name);
    if (there) co_return exists(there->bucket, bucket);
    if (there.error().reason() != Reason::kNoSuchBucket) co_return there.error();
    KELP_CO_CHECK(co_await check_bucket_limit(bucket.owner_id));
    KELP_CO_TRY(const std::uint64_t id, co_await ids_.next());
    bucket.id = BucketId(id);
    bucket.created = clock_.wall();
    bucket.quota = {};
    bucket.events = {};

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

Task<Result<void>> FilerService::check_bucket_limit(std::string account) {
  const std::uint32_t limit = options_.bucket_limit;
  if (limit == 0) co_return Result<void>{};
  std::move_only_function<Result<bool>(KvStore&)> count =
      [limit, account = std::move(account)](KvStore& store) { return owns(store, account, limit); };
  KELP_CO_TRY(const bool full, co_await kv_.read<bool>(std::move(count)));
  if (!full) co_return Result<void>{};
  co_return Error(Errc::kInvalidArgument, fmt::format("the account has {} buckets", limit),
                  Reason::kTooManyBuckets);
}

Task<Result<BucketEntry>> FilerService::get_bucket(std::string name) {
  KELP_CO_TRY(FoundBucket found, co_await find_bucket(std::move(name)));
  co_return std::move(found.bucket);
}

// A put that races with this one is refused by its condition on the bucket's row, or comes first
// and makes the object range's condition fail here. Uploads that were never completed keep no
// bucket: the collector takes them apart as those of a dropped one.
Task<Result<void>> FilerService::delete_bucket(std::string name) {
  bool with_uploads = false;
  for (int attempt = 0; attempt < options_.max_attempts; ++attempt) {
    KELP_CO_TRY(const FoundBucket found, co_await find_bucket(name));
    const BucketId id = found.bucket.id;
    KvBatch batch;
    batch.conditions.push_back(KvCondition::equals(found.row_key, found.row));
    require_empty(keys::within(keys::object(id, "")), batch);
    require_empty(keys::within(keys::versions_of(id)), batch);
    if (with_uploads) {
      batch.writes.push_back(KvWrite::put(keys::dropped(id), encode_dropped(clock_.wall(), name)));
    } else {
      require_empty(keys::within(keys::uploads_of(id)), batch);
      remove_own_rows(id, batch);
    }
    end_event_log(found.bucket.events, batch);
    batch.writes.push_back(KvWrite::remove(found.row_key));
    const Result<void> committed = co_await kv_.commit(std::move(batch));
    if (committed) co_return Result<void>();
    if (!lost_race(committed.error())) co_return committed.error();

    std::move_only_function<Result<bool>(KvStore&)> look = [id](KvStore& store) {
      return holds_objects(store, id);
    };
    KELP_CO_TRY(const bool full, co_await kv_.read<bool>(std::move(look)));
    if (full) co_return not_empty();
    with_uploads = true;
  }
  co_return kept_losing(options_.max_attempts);
}

// Puts, parts and new uploads require the bucket's row, so what is in the bucket now is all that
// the collector will find there.
Task<Result<void>> FilerService::drop_bucket(std::string name) {
  for (int attempt = 0; attempt < options_.max_attempts; ++attempt) {
    KELP_CO_TRY(FoundBucket found, co_await find_bucket(name));
    if (found.bucket.lock.enabled) {
      co_return Error(Errc::kPermissionDenied, "a bucket with object lock is not dropped",
                      Reason::kObjectLocked);
    }
    KvBatch batch;
    end_event_log(found.bucket.events, batch);
    batch.writes.push_back(KvWrite::remove(found.row_key));
    batch.writes.push_back(
        KvWrite::put(keys::dropped(found.bucket.id), encode_dropped(clock_.wall(), name)));
    batch.conditions.push_back(KvCondition::equals(std::move(found.row_key), std::move(found.row)));
    const Result<void> committed = co_await kv_.commit(std::move(batch));
    if (committed || !lost_race(committed.error())) co_return committed;
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
  KELP_CO_TRY(const CountedUsage usage, co_await count_usage(found.bucket.id));
  co_return usage.all;
}

Task<Result<CountedUsage>> FilerService::count_usage(BucketId bucket) {
  std::move_only_function<Result<std::vector<KvRow>>(KvStore&)> scan = [bucket](KvStore& store) {
    return store.scan(keys::counts_of(bucket), kMaxCounterRows);
  };
  KELP_CO_TRY(const auto rows, co_await kv_.read<std::vector<KvRow>>(std::move(scan)));
  co_return sum_counters(rows);
}

Task<Result<void>> FilerService::require_room_now(BucketEntry bucket, UsageChange change,
                                                  KvBatch& batch) {
  KELP_CO_TRY(const CountedUsage usage, co_await count_usage(bucket.id));
  co_return require_room(bucket, usage, change, batch);
}

Task<Result<BucketEntry>> FilerService::set_bucket_quota(SetBucketQuota quota) {
  if (quota.max_bytes > kMaxQuota || quota.max_objects > kMaxQuota) {
    co_return Error(Errc::kInvalidArgument,
                    fmt::format("a quota of {} bytes and {} objects; {} is the most",
                                quota.max_bytes, quota.max_objects, kMaxQuota));
  }
  KELP_CO_TRY(const std::uint64_t id, co_await ids_.next());
  auto change = [&quota, id](BucketEntry& bucket, KvBatch&) {
    bucket.quota = {quota.max_bytes, quota.max_objects, id};
    if (!bucket.quota.limits()) bucket.quota.id = 0;
  };
  co_return co_await change_bucket(quota.name, std::move(change));
}

Task<Result<BucketEntry>> FilerService::set_bucket_versioning(SetBucketVersioning request) {
  auto change = [enabled = request.enabled](BucketEntry& bucket, KvBatch&) {
    bucket.versioning = enabled ? Versioning::kEnabled : Versioning::kSuspended;
  };
  co_return co_await change_bucket(std::move(request.name), std::move(change));
}

Task<Result<BucketEntry>> FilerService::set_bucket_class(SetBucketClass request) {
  auto change = [to = std::move(request.storage_class)](BucketEntry& bucket, KvBatch&) {
    bucket.storage_class = to;
  };
  co_return co_await change_bucket(std::move(request.name), std::move(change));
}

Task<Result<BucketEntry>> FilerService::change_bucket(
    std::string name, std::function<void(BucketEntry&, KvBatch&)> change) {
  for (int attempt = 0; attempt < options_.max_attempts; ++attempt) {
    KELP_CO_TRY(FoundBucket found, co_await find_bucket(name));
    KvBatch batch;
    change(found.bucket, batch);
    KELP_CO_CHECK(check_bucket_lock(found.bucket));
    BucketEntry stored = found.bucket;
    stored.name.clear();  // the key says it
    batch.conditions.push_back(KvCondition::equals(found.row_key, std::move(found.row)));
    batch.writes.push_back(KvWrite::put(found.row_key, encode_bucket(stored)));
    const Result<void> committed = co_await kv_.commit(std::move(batch));
    if (committed) co_return std::move(found.bucket);
    if (!lost_race(committed.error())) co_return committed.error();
  }
  co_return kept_losing(options_.max_attempts);
}

Task<Result<BucketSetting>> FilerService::get_bucket_setting(BucketSetting request) {
  KELP_CO_TRY(const FoundBucket found, co_await find_bucket(request.bucket));
  KELP_CO_TRY(const auto row, co_await kv_.get(keys::setting(found.bucket.id, request.name)));
  request.value.reset();
  if (row) {
    KELP_CO_TRY(request.value, decode_setting(*row));
  }
  co_return request;
}

Task<Result<BucketWithSettings>> FilerService::get_bucket_settings(GetBucketSettings request) {
  KELP_CO_TRY(FoundBucket found, co_await find_bucket(request.bucket));
  BucketWithSettings out{.bucket = std::move(found.bucket), .values = {}};
  for (const std::string& name : request.names) {
    KELP_CO_TRY(const auto row, co_await kv_.get(keys::setting(out.bucket.id, name)));
    auto& value = out.values.emplace_back();
    if (!row) continue;
    KELP_CO_TRY(value, decode_setting(*row));
  }
  co_return out;
}

Task<Result<void>> FilerService::set_bucket_setting(BucketSetting setting) {
  if (setting.name.empty() || (setting.value && setting.value->size() > kMaxSettingBytes)) {
    co_return Error(Errc::kInvalidArgument,
                    fmt::format("a setting needs a name, and takes {} bytes", kMaxSettingBytes));
  }
  if (setting.name == kNotificationSetting) co_return co_await set_notification(std::move(setting));
  for (int attempt = 0; attempt < options_.max_attempts; ++attempt) {
    KELP_CO_TRY(FoundBucket found, co_await find_bucket(setting.bucket));
    std::string row_key = keys::setting(found.bucket.id, setting.name);
    KvBatch batch;
    batch.writes.push_back(setting.value
                               ? KvWrite::put(std::move(row_key), encode_setting(*setting.value))
                               : KvWrite::remove(std::move(row_key)));
    batch.conditions.push_back(KvCondition::equals(std::move(found.row_key), std::move(found.row)));
    const Result<void> committed = co_await kv_.commit(std::move(batch));
    if (committed || !lost_race(committed.error())) co_return committed;
  }
  co_return kept_losing(options_.max_attempts);
}

Task<Result<ListedBucketSettings>> FilerService::list_bucket_settings(ListBucketSettings request) {
  KELP_CO_TRY(const FoundBucket found, co_await find_bucket(request.bucket));
  std::move_only_function<Result<ListedBucketSettings>(KvStore&)> list =
      [bucket = found.bucket.id, request = std::move(request)](KvStore& store) {
        return list_setting_rows(store, bucket, request);
      };
  co_return co_await kv_.read<ListedBucketSettings>(std::move(list));
}

Task<Result<void>> FilerService::ask_for_room(AskForRoom request) {
  KELP_CO_TRY(const FoundBucket found, co_await find_bucket(request.bucket));
  if (!found.bucket.quota.limits()) co_return Result<void>();
  KELP_CO_TRY(const UsageChange change, co_await change_of(std::move(request)));
  if (!needs_room(found.bucket, change)) co_return Result<void>();
  KELP_CO_TRY(const CountedUsage usage, co_await count_usage(found.bucket.id));
  co_return check_room(found.bucket, usage.all, change);
}

/// What the bucket would hold more when the body is in.
Task<Result<UsageChange>> FilerService::change_of(AskForRoom request) {
  if (request.part_number != 0) {
    UploadName upload{std::move(request.bucket), std::move(request.key),
                      std::move(request.upload_id)};
    KELP_CO_TRY(const FoundUpload found, co_await find_upload(std::move(upload)));
    KELP_CO_TRY(const auto row, co_await kv_.get(keys::part(found.row_key, request.part_number)));
    std::int64_t more = static_cast<std::int64_t>(request.size_bytes);
    if (row) {
      KELP_CO_TRY(const PartRow old, decode_part(*row));
      more -= counted_bytes(old);
    }
    co_return usage_of_parts(more);
  }
  KELP_CO_TRY(FoundBucket in, co_await find_bucket(std::move(request.bucket)));
  if (in.bucket.versioning != Versioning::kNever) {
    co_return co_await change_of_version(std::move(in), std::move(request.key), request.size_bytes);
  }
  KELP_CO_TRY(const CurrentObject current,
              co_await find_object(keys::object(in.bucket.id, request.key)));
  co_return usage_of_put(current, static_cast<std::int64_t>(request.size_bytes));
}

}  // namespace kelp
