#include "filer/core/row_plan.h"

#include <utility>

namespace kelp {

Error RowPlan::give_up() {
  gave_up_ = true;
  return Error(Errc::kUnavailable, "not in memory");
}

Result<std::optional<std::string>> RowPlan::get(const std::string& key) {
  if (const auto at = written_.find(key); at != written_.end()) return at->second;
  if (const auto at = read_.find(key); at != read_.end()) return at->second;
  std::optional<std::string> row;
  if (may_wait_) {
    KELP_TRY(row, store_.get(key));
  } else {
    auto known = store_.try_get(key);
    if (!known) return give_up();
    KELP_TRY(row, std::move(*known));
  }
  return read_.emplace(key, std::move(row)).first->second;
}

Result<std::optional<KvRow>> RowPlan::first_stored(std::string& from, const std::string& end) {
  for (;;) {
    KELP_TRY(auto rows, store_.scan({from, end}, 1));
    if (rows.empty()) return std::nullopt;
    KvRow& row = rows.front();
    const auto written = written_.find(row.first);
    if (written == written_.end()) return std::move(row);
    if (written->second) return KvRow(row.first, *written->second);
    from = row.first + '\0';
  }
}

Result<std::optional<KvRow>> RowPlan::first(const KvRange& range, Before before) {
  if (!may_wait_) return give_up();
  const auto [passed, unknown] = passed_.try_emplace(range.begin, range.begin);
  KELP_TRY(auto found, first_stored(passed->second, range.end));
  // Later on, what the plan itself removed stands before it.
  if (unknown && before == Before::kNothing) {
    rest_.conditions.push_back(
        KvCondition::empty_range(range.begin, found ? found->first : range.end));
  }
  if (found && !written_.contains(found->first)) read_.emplace(found->first, found->second);
  for (auto at = written_.lower_bound(range.begin); at != written_.end(); ++at) {
    if (at->first >= range.end || (found && at->first >= found->first)) break;
    if (!at->second) continue;
    found = KvRow(at->first, *at->second);
    break;
  }
  return found;
}

void RowPlan::put(std::string key, std::string value) {
  written_.insert_or_assign(std::move(key), std::move(value));
}

void RowPlan::remove(std::string key) {
  written_.insert_or_assign(std::move(key), std::nullopt);
}

KvBatch RowPlan::take() {
  KvBatch batch = std::move(rest_);
  for (auto& [key, row] : read_) {
    batch.conditions.push_back(KvCondition::unchanged(key, std::move(row)));
  }
  for (auto& [key, row] : written_) {
    batch.writes.push_back(row ? KvWrite::put(key, *std::move(row)) : KvWrite::remove(key));
  }
  return batch;
}

}  // namespace kelp
