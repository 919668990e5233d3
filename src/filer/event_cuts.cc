#include "filer/event_cuts.h"

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "filer/core/event_log.h"
#include "filer/core/keys.h"
#include "filer/row_walk.h"

namespace kelp {
namespace {

constexpr std::size_t kEventsPerCut = 20'000;

/// A bucket that keeps events, and its row as it was read.
struct KeptLog {
  std::string row_key;
  std::string row;
  BucketEvents events;
};

Task<Result<std::vector<KeptLog>>> find_logs(KvAsync& kv) {
  std::vector<KeptLog> logs;
  RowTaker take = [&logs](std::string_view key, std::string_view value) -> Result<void> {
    KELP_TRY(const BucketEntry bucket, decode_bucket(value));
    if (bucket.events.log != 0) {
      logs.push_back({std::string(key), std::string(value), bucket.events});
    }
    return {};
  };
  KELP_CO_CHECK(
      co_await walk_rows(kv, keys::within(std::string(1, keys::kBucket)), std::move(take)));
  co_return logs;
}

}  // namespace

Task<Result<std::uint64_t>> cut_event_logs(KvAsync& kv, Clock& clock) {
  KELP_CO_TRY(const std::vector<KeptLog> logs, co_await find_logs(kv));
  std::uint64_t cuts = 0;
  for (const KeptLog& kept : logs) {
    const WallTime before = clock.wall() - std::chrono::seconds(kept.events.keep_seconds);
    while (true) {
      if (co_await was_cancelled()) co_return Error(Errc::kCancelled, "cut of events cancelled");
      using Cut = std::optional<KvBatch>;
      std::move_only_function<Result<Cut>(KvStore&)> plan = [&](KvStore& store) {
        return cut_events(store, kept.events.log, before, kEventsPerCut);
      };
      KELP_CO_TRY(Cut cut, co_await kv.read<Cut>(std::move(plan)));
      if (!cut) break;
      // Else the log may be gone, and a cut would be left of it.
      cut->conditions.push_back(KvCondition::equals(kept.row_key, kept.row));
      const Result<void> committed = co_await kv.commit(*std::move(cut));
      if (!committed && committed.error().code() != Errc::kPrecondition) {
        co_return committed.error();
      }
      if (!committed) break;
      ++cuts;
    }
  }
  co_return cuts;
}

}  // namespace kelp
