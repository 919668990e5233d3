#include "filer/usage_watch.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <utility>

#include "base/log.h"
#include "filer/core/keys.h"
#include "filer/core/usage.h"
#include "filer/references.h"
#include "wire/entry.h"

namespace kelp {
namespace {

constexpr std::chrono::minutes kPause{1};
constexpr int kShareOfTime = 100;
constexpr std::size_t kRowsPerSlice = 20'000;

/// The rows of buckets and, right behind them, of counters.
KvRange buckets_and_counters() {
  static_assert(keys::kCount == keys::kBucket + 1, "one range holds both");
  return {std::string(1, keys::kBucket), keys::behind(std::string(1, keys::kCount))};
}

bool is_near(std::int64_t held, std::uint64_t most) {
  return most != 0 && static_cast<double>(held) >= 0.9 * static_cast<double>(most);
}

/// A walk over both, one slice at a time.
class Walk {
 public:
  /// Takes the next slice; false at the end.
  Result<bool> step(KvStore& store) {
    if (cursor_ == nullptr) {
      const KvRange range = buckets_and_counters();
      cursor_ = store.cursor(range);
      cursor_->seek(range.begin);
    }
    for (std::size_t rows = 0; rows < kRowsPerSlice && cursor_->valid(); ++rows) {
      KELP_CHECK(take(cursor_->key(), cursor_->value()));
      cursor_->next();
    }
    KELP_CHECK(cursor_->status());
    if (cursor_->valid()) return true;
    cursor_.reset();
    return false;
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

  std::unique_ptr<KvCursor> cursor_;
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
  Walk walk;
  for (bool more = true; more;) {
    if (co_await was_cancelled()) co_return Error(Errc::kCancelled, "look at usage cancelled");
    std::move_only_function<Result<bool>(KvStore&)> step = [&walk](KvStore& store) {
      return walk.step(store);
    };
    KELP_CO_TRY(more, co_await kv_.read<bool>(std::move(step)));
  }
  buckets_.Set(static_cast<double>(walk.buckets));
  objects_.Set(static_cast<double>(walk.all.objects));
  bytes_.Set(static_cast<double>(walk.all.bytes));
  upload_bytes_.Set(static_cast<double>(walk.all.upload_bytes));
  near_quota_.Set(static_cast<double>(walk.near_quota()));
  co_return Result<void>();
}

}  // namespace kelp
