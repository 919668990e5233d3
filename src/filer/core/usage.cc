#include "filer/core/usage.h"

#include <fmt/format.h>

#include <array>

#include "filer/core/keys.h"

namespace kelp {
namespace {

constexpr std::uint8_t kFirstShard = 0;

struct Limit {
  keys::Counter what;
  std::string_view name;
  std::uint64_t BucketQuota::* most;
  std::int64_t BucketUsage::* held;
  std::int64_t UsageChange::* change;
};
constexpr std::array kLimits = {
    Limit{keys::Counter::kBytes, "bytes", &BucketQuota::max_bytes, &BucketUsage::bytes,
          &UsageChange::bytes},
    Limit{keys::Counter::kObjects, "objects", &BucketQuota::max_objects, &BucketUsage::objects,
          &UsageChange::objects},
};

bool grows(const BucketEntry& bucket, const Limit& limit, const UsageChange& change) {
  return bucket.quota.*limit.most != 0 && change.*limit.change > 0;
}

}  // namespace

UsageChange operator+(const UsageChange& a, const UsageChange& b) {
  return {.objects = a.objects + b.objects,
          .bytes = a.bytes + b.bytes,
          .upload_bytes = a.upload_bytes + b.upload_bytes};
}

std::int64_t& field_of(BucketUsage& usage, keys::Counter what) {
  switch (what) {
    case keys::Counter::kBytes:
      return usage.bytes;
    case keys::Counter::kUploadBytes:
      return usage.upload_bytes;
    case keys::Counter::kObjects:
      break;
  }
  return usage.objects;
}

Result<CountedUsage> sum_counters(const std::vector<KvRow>& rows) {
  CountedUsage usage;
  for (const auto& [key, value] : rows) {
    KELP_TRY(const keys::CountRowKey at, keys::parse_count(key));
    KELP_TRY(const std::int64_t count, decode_counter(value));
    field_of(usage.all, at.what) += count;
    if (at.shard == kFirstShard) field_of(usage.first, at.what) += count;
  }
  return usage;
}

void add_usage(const BucketEntry& bucket, const UsageChange& change, std::uint8_t own_shard,
               KvBatch& batch) {
  const std::uint8_t shard = bucket.quota.limits() ? kFirstShard : own_shard;
  const auto add = [&](keys::Counter what, std::int64_t delta) {
    if (delta != 0)
      batch.writes.push_back(KvWrite::add(keys::count(bucket.id, what, shard), delta));
  };
  add(keys::Counter::kObjects, change.objects);
  add(keys::Counter::kBytes, change.bytes);
  add(keys::Counter::kUploadBytes, change.upload_bytes);
}

bool needs_room(const BucketEntry& bucket, const UsageChange& change) {
  return grows(bucket, kLimits[0], change) || grows(bucket, kLimits[1], change);
}

Result<void> check_room(const BucketEntry& bucket, const BucketUsage& usage,
                        const UsageChange& change) {
  for (const Limit& limit : kLimits) {
    if (!grows(bucket, limit, change)) continue;
    const auto most = static_cast<std::int64_t>(bucket.quota.*limit.most);
    const std::int64_t held = usage.*limit.held;
    if (change.*limit.change <= most - held) continue;
    return Error(Errc::kPermissionDenied,
                 fmt::format("{} {} are allowed, it holds {}, and this needs {} more", most,
                             limit.name, held, change.*limit.change),
                 Reason::kQuotaExceeded);
  }
  return {};
}

Result<void> require_room(const BucketEntry& bucket, const CountedUsage& usage,
                          const UsageChange& change, KvBatch& batch) {
  KELP_CHECK(check_room(bucket, usage.all, change));
  for (const Limit& limit : kLimits) {
    if (!grows(bucket, limit, change)) continue;
    const std::int64_t elsewhere = usage.all.*limit.held - usage.first.*limit.held;
    const auto most = static_cast<std::int64_t>(bucket.quota.*limit.most);
    batch.conditions.push_back(KvCondition::at_most(keys::count(bucket.id, limit.what, kFirstShard),
                                                    most - change.*limit.change - elsewhere));
  }
  return {};
}

}  // namespace kelp
