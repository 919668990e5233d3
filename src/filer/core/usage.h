#pragma once

#include <cstdint>
#include <vector>

#include "filer/core/keys.h"
#include "kelp/result.h"
#include "kv/kv_store.h"
#include "wire/entry.h"
#include "wire/namespace.h"

namespace kelp {

// What buckets hold, and may hold. A bucket's counters are sums over rows, one for each filer, so
// that filers do not wait for each other. While a bucket has a quota, all of them count in the
// first row: every commit that lets the bucket grow requires the bucket's row as it was read, so
// the other rows rise no more, and a condition on the first one decides for the whole sum.

/// What a commit changes of what a bucket holds.
struct UsageChange {
  std::int64_t objects = 0;
  std::int64_t bytes = 0;
  std::int64_t upload_bytes = 0;
};
/// Of parts of uploads under way.
[[nodiscard]] constexpr UsageChange usage_of_parts(std::int64_t bytes) {
  return {.bytes = bytes, .upload_bytes = bytes};
}
/// Both together.
[[nodiscard]] UsageChange operator+(const UsageChange& a, const UsageChange& b);

/// What counters of this kind sum up.
[[nodiscard]] std::int64_t& field_of(BucketUsage& usage, keys::Counter what);

/// A bucket's counters.
struct CountedUsage {
  BucketUsage all;
  BucketUsage first;  ///< Of `all`: what the first row of each counter says.
};
/// Of the rows of keys::counts_of(). kCorruption for others.
[[nodiscard]] Result<CountedUsage> sum_counters(const std::vector<KvRow>& rows);
/// More rows than a bucket can have.
inline constexpr std::size_t kMaxCounterRows = 1024;

/// Adds `change` to the bucket's counters. `own_shard`: FilerOptions::counter_shard.
void add_usage(const BucketEntry& bucket, const UsageChange& change, std::uint8_t own_shard,
               KvBatch& batch);

/// Whether `change` lets the bucket grow while a limit of its quota forbids that without a look at
/// its counters.
[[nodiscard]] bool needs_room(const BucketEntry& bucket, const UsageChange& change);
/// kPermissionDenied with kQuotaExceeded and the numbers when a bucket that holds `usage` would
/// hold more than its quota. What does not let it grow always fits.
[[nodiscard]] Result<void> check_room(const BucketEntry& bucket, const BucketUsage& usage,
                                      const UsageChange& change);
/// The conditions under which `change` still fits when it is committed, the bucket's row being the
/// same. Errors as check_room().
[[nodiscard]] Result<void> require_room(const BucketEntry& bucket, const CountedUsage& usage,
                                        const UsageChange& change, KvBatch& batch);

}  // namespace kelp
