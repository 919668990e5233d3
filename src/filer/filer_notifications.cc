// Notifications: what FilerService does when a bucket's configuration of them, or its log, changes.

#include <utility>

#include "filer/core/keys.h"
#include "filer/core/notify_rows.h"
#include "filer/core/rows.h"
#include "filer/filer_service.h"

namespace kelp {

/// One attempt after another to change a bucket's row by `plan`, which reads the store and adds to
/// the commit.
Task<Result<BucketEntry>> FilerService::plan_bucket(std::string name, PlanBucket plan_change) {
  for (int attempt = 0; attempt < options_.max_attempts; ++attempt) {
    KELP_CO_TRY(FoundBucket found, co_await find_bucket(name));
    std::move_only_function<Result<KvBatch>(KvStore&)> read =
        [&found, &plan_change](KvStore& store) -> Result<KvBatch> {
      KvBatch batch;
      KELP_CHECK(plan_change(store, found.bucket, batch));
      return batch;
    };
    KELP_CO_TRY(KvBatch batch, co_await kv_.read<KvBatch>(std::move(read)));
    BucketEntry stored = found.bucket;
    stored.name.clear();  // the key says it
    batch.writes.push_back(KvWrite::put(found.row_key, encode_bucket(stored)));
    batch.conditions.push_back(KvCondition::equals(std::move(found.row_key), std::move(found.row)));
    const Result<void> committed = co_await kv_.commit(std::move(batch));
    if (committed) co_return std::move(found.bucket);
    if (!lost_race(committed.error())) co_return committed.error();
  }
  co_return kept_losing(options_.max_attempts);
}

// Log and configuration change in one commit: from its answer on no event is missed.
Task<Result<void>> FilerService::set_notification(BucketSetting setting) {
  KELP_CO_TRY(const std::uint64_t new_log, co_await ids_.next());
  PlanBucket plan_change = [&setting, new_log](KvStore& store, BucketEntry& bucket,
                                               KvBatch& batch) -> Result<void> {
    KELP_CHECK(plan_notification(store, new_log, setting.value, bucket, batch));
    std::string key = keys::setting(bucket.id, setting.name);
    batch.writes.push_back(setting.value
                               ? KvWrite::put(std::move(key), encode_setting(*setting.value))
                               : KvWrite::remove(std::move(key)));
    return {};
  };
  const auto changed = co_await plan_bucket(setting.bucket, std::move(plan_change));
  if (!changed) co_return changed.error();
  co_return Result<void>();
}

// A write of objects requires the bucket's row: none tells a log that has ended, and none keeps
// silent once this has answered.
Task<Result<BucketEntry>> FilerService::set_bucket_events(SetBucketEvents request) {
  KELP_CO_TRY(const std::uint64_t new_log, co_await ids_.next());
  PlanBucket plan_change = [new_log, keep = request.keep_seconds](
                               KvStore& store, BucketEntry& bucket, KvBatch& batch) {
    return plan_kept_log(store, new_log, keep, bucket, batch);
  };
  co_return co_await plan_bucket(std::move(request.name), std::move(plan_change));
}

}  // namespace kelp
