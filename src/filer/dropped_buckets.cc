#include "filer/dropped_buckets.h"

#include <optional>
#include <string>
#include <utility>

#include "filer/core/keys.h"
#include "filer/row_sweep.h"

namespace kelp {
namespace {

/// The bucket holds nothing any more.
Task<Result<void>> forget(KvAsync& kv, std::string row_key, BucketId bucket) {
  KvBatch batch;
  remove_own_rows(bucket, batch);
  batch.writes.push_back(KvWrite::remove(std::move(row_key)));
  co_return co_await kv.commit(std::move(batch));
}

}  // namespace

void remove_own_rows(BucketId bucket, KvBatch& batch) {
  for (const KvRange& own : {keys::counts_of(bucket), keys::settings_of(bucket)}) {
    batch.writes.push_back(KvWrite::remove_range(own.begin, own.end));
  }
  batch.writes.push_back(KvWrite::remove(keys::notified(bucket)));
}

Task<Result<std::uint64_t>> sweep_dropped_buckets(KvAsync& kv, std::uint64_t most_rows,
                                                  Clock& clock) {
  std::uint64_t gone = 0;
  while (gone < most_rows) {
    using Rows = std::vector<KvRow>;
    std::move_only_function<Result<Rows>(KvStore&)> scan = [](KvStore& store) {
      return store.scan(keys::within(std::string(1, keys::kDropped)), 1);
    };
    KELP_CO_TRY(Rows dropped, co_await kv.read<Rows>(std::move(scan)));
    if (dropped.empty()) break;
    KELP_CO_TRY(const BucketId bucket, keys::parse_dropped(dropped.front().first));
    for (const std::string& prefix :
         {keys::object(bucket, ""), keys::versions_of(bucket), keys::uploads_of(bucket)}) {
      KELP_CO_TRY(const std::uint64_t some,
                  co_await sweep_rows(kv, keys::within(prefix),
                                      most_rows - std::min(gone, most_rows), clock));
      gone += some;
    }
    if (gone >= most_rows) break;
    KELP_CO_CHECK(co_await forget(kv, std::move(dropped.front().first), bucket));
  }
  co_return gone;
}

}  // namespace kelp
