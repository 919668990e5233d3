#include "filer/usage_watch.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <utility>

#include "base/log.h"
#include "filer/core/keys.h"
#include "filer/core/usage.h"
#include "filer/row_walk.h"
#include "wire/entry.h"

namespace kelp {
namespace {

constexpr std::chrono::minutes kPause{1};
constexpr int kShareOfTime = 100;

/// The rows of buckets and, right behind them, of counters.
KvRange buckets_and_counters() {
  static_assert(keys::kCount == keys::kBucket + 1, "one range holds both");
  return {std::string(1, keys::kBucket), keys::behind(std::string(1, keys::kCount))};
}

bool is_near(std::int64_t held, std::uint64_t most) {
  return most != 0 && static_cast<double>(held) >= 0.9 * static_cast<double>(most);
}

/// What the rows of both say, summed up one after the other.
class Sums {
 public:
  Result<void> take(std::string_view key, std::string_view value) {
    if (key.front() == keys::kBucket) {
      KELP_TRY(const BucketEntry bucket, decode_bucket(value));
      ++buckets;
      if (bucket.quota.limits()) limited_[bucket.id].first = bucket.quota;
      return {};
    }
    KELP_TRY(const keys::CountRowKey at, keys::parse_count(key));
    KELP_TRY(const std::int64_t count, decode_counter(std::string(value)));
    field_of(all, at.what) += count;
    if (const auto limited = limited_.find(at.bucket); limited != limited_.end()) {
      field_of(limited->second.second, at.what) += count;
    }
    return {};
  }

  [[nodiscard]] std::uint64_t near_quota() const {
    return static_cast<std::uint64_t>(std::ranges::count_if(limited_, [](const auto& bucket) {
      const auto& [quota, usage] = bucket.second;
      return is_near(usage.bytes, quota.max_bytes) || is_near(usage.objects, quota.max_objects);
    }));
  }

  std::uint64_t buckets = 0;
  BucketUsage all;

 private:
  std::map<BucketId, std::pair<BucketQuota, BucketUsage>> limited_;
};

}  // namespace

UsageWatch::UsageWatch(KvStore& store, WorkPool& pool, Clock& clock, Timers& timers,
                       Metrics& metrics)
    : kv_(store, pool),
      clock_(clock),
      timers_(timers),
      buckets_(metrics.gauge("kelp_filer_buckets", "Buckets of all accounts")),
      objects_(metrics.gauge("kelp_filer_objects", "Objects in all buckets")),
      bytes_(metrics.gauge("kelp_filer_bytes",
                           "Bytes of objects, and of parts of uploads, in all buckets")),
      upload_bytes_(metrics.gauge("kelp_filer_upload_bytes",
                                  "Of these: bytes of parts of uploads that are under way")),
      near_quota_(metrics.gauge("kelp_filer_buckets_near_quota",
                                "Buckets that hold 90 % of their quota or more")) {}

Task<void> UsageWatch::run() {
  while (!co_await was_cancelled()) {
    const MonoTime began = clock_.mono();
    if (const auto looked = co_await look(); !looked) {
      logger("filer").warn("usage_unknown error={}", log_value(looked.error().message()));
    }
    const MonoTime now = clock_.mono();
    const auto pause = std::max<MonoTime::duration>(kPause, kShareOfTime * (now - began));
    if (!(co_await timers_.sleep_until(now + pause)).has_value()) co_return;
  }
}

Task<Result<void>> UsageWatch::look() {
  Sums sums;
  RowTaker take = [&sums](auto key, auto value) { return sums.take(key, value); };
  KELP_CO_CHECK(co_await walk_rows(kv_, buckets_and_counters(), std::move(take)));
  buckets_.Set(static_cast<double>(sums.buckets));
  objects_.Set(static_cast<double>(sums.all.objects));
  bytes_.Set(static_cast<double>(sums.all.bytes));
  upload_bytes_.Set(static_cast<double>(sums.all.upload_bytes));
  near_quota_.Set(static_cast<double>(sums.near_quota()));
  co_return Result<void>();
}

}  // namespace kelp
