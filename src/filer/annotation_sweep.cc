#include "filer/annotation_sweep.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "filer/core/keys.h"
#include "filer/core/rows.h"
#include "filer/row_sweep.h"
#include "filer/row_walk.h"

namespace kelp {
namespace {

constexpr std::size_t kSetsPerRead = 1000;

/// A set that is to go.
struct DoomedSet {
  std::uint64_t set = 0;
  LooseSetRow loose;
  std::string row;  ///< As it was read.
};
struct DoomedPage {
  std::vector<DoomedSet> sets;
  std::string next;  ///< Where to go on; empty at the end.
};

Result<DoomedPage> find_doomed(KvStore& store, const std::string& from, WallTime now) {
  DoomedPage page;
  const KvRange all = keys::within(std::string(1, keys::kLooseSet));
  KELP_TRY(auto rows, store.scan({from, all.end}, kSetsPerRead));
  if (rows.size() == kSetsPerRead) page.next = rows.back().first + '\0';
  for (auto& [key, value] : rows) {
    KELP_TRY(const std::uint64_t set, keys::parse_loose_set(key));
    KELP_TRY(const LooseSetRow loose, decode_loose_set(value));
    if (loose.staged && now - loose.since < kStagedLife) continue;
    page.sets.push_back({.set = set, .loose = loose, .row = std::move(value)});
  }
  return page;
}

/// One that waited too long is named by none from now on. False: one has named it meanwhile, or
/// something was added.
Task<Result<bool>> give_up(KvAsync& kv, DoomedSet& doomed) {
  const std::string key = keys::loose_set(doomed.set);
  KvBatch batch;
  batch.conditions.push_back(KvCondition::equals(key, std::move(doomed.row)));
  doomed.loose.staged = false;
  doomed.row = encode_loose_set(doomed.loose);
  batch.writes.push_back(KvWrite::put(key, doomed.row));
  const Result<void> committed = co_await kv.commit(std::move(batch));
  if (!committed && committed.error().code() != Errc::kPrecondition) co_return committed.error();
  co_return committed.has_value();
}

}  // namespace

Task<Result<std::uint64_t>> sweep_annotations(KvAsync& kv, std::uint64_t most_rows, Clock& clock) {
  std::uint64_t gone = 0;
  for (std::string from(1, keys::kLooseSet); !from.empty() && gone < most_rows;) {
    std::move_only_function<Result<DoomedPage>(KvStore&)> find =
        [&from, now = clock.wall()](KvStore& store) { return find_doomed(store, from, now); };
    KELP_CO_TRY(DoomedPage page, co_await kv.read<DoomedPage>(std::move(find)));
    from = std::move(page.next);
    for (DoomedSet& doomed : page.sets) {
      if (gone >= most_rows) co_return gone;
      if (co_await was_cancelled()) co_return Error(Errc::kCancelled, "sweep cancelled");
      if (doomed.loose.staged) {
        KELP_CO_TRY(const bool given_up, co_await give_up(kv, doomed));
        if (!given_up) continue;
      }
      const KvRange rows = keys::within(keys::annotations_of(doomed.set));
      KELP_CO_TRY(const std::uint64_t some, co_await sweep_rows(kv, rows, most_rows - gone, clock));
      gone += some;
      if (gone >= most_rows) co_return gone;  // Some may be left.
      KvBatch batch;
      batch.writes.push_back(KvWrite::remove(keys::loose_set(doomed.set)));
      KELP_CO_CHECK(co_await kv.commit(std::move(batch)));
    }
  }
  co_return gone;
}

}  // namespace kelp
