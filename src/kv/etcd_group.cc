#include "kv/etcd_group.h"

#include <algorithm>

namespace kelp {
namespace {

/// Forgets what `rows` holds in [begin, end).
template <typename Map>
void erase_range(Map& rows, const std::string& begin, const std::string& end) {
  rows.erase(rows.lower_bound(begin), rows.lower_bound(end));
}

bool lies_in(const std::vector<std::pair<std::string, std::string>>& ranges,
             const std::string& key) {
  return std::ranges::any_of(
      ranges, [&key](const auto& range) { return key >= range.first && key < range.second; });
}

bool any_in(const std::set<std::string>& keys, const std::string& begin, const std::string& end) {
  const auto first = keys.lower_bound(begin);
  return first != keys.end() && *first < end;
}

void add(EtcdWrites& writes, const KvWrite& write) {
  const auto row = writes.rows.find(write.key);
  if (row == writes.rows.end() && !lies_in(writes.ranges, write.key)) {
    auto [sum, fresh] = writes.adds.try_emplace(write.key, write.delta);
    if (!fresh) sum->second = add_wrapping(sum->second, write.delta);
  } else if (row == writes.rows.end() || !row->second) {
    writes.rows[write.key] = encode_counter(write.delta);
  } else if (const auto counter = decode_counter(row->second)) {
    row->second = encode_counter(add_wrapping(*counter, write.delta));
  }
}

}  // namespace

EtcdWrites sum_up(const KvBatch& batch) {
  EtcdWrites writes;
  for (const KvWrite& write : batch.writes) {
    switch (write.kind) {
      case KvWrite::Kind::kPut:
        writes.adds.erase(write.key);
        writes.rows[write.key] = write.value;
        break;
      case KvWrite::Kind::kDelete:
        writes.adds.erase(write.key);
        writes.rows[write.key] = std::nullopt;
        break;
      case KvWrite::Kind::kDeleteRange:
        if (write.key >= write.value) break;
        erase_range(writes.adds, write.key, write.value);
        erase_range(writes.rows, write.key, write.value);
        writes.ranges.emplace_back(write.key, write.value);
        break;
      case KvWrite::Kind::kAdd:
        add(writes, write);
        break;
    }
  }
  return writes;
}

std::vector<std::pair<std::string, std::string>> ranges_between(const EtcdWrites& writes) {
  std::vector<std::pair<std::string, std::string>> pieces;
  for (const auto& [begin, end] : writes.ranges) {
    std::string from = begin;
    for (auto row = writes.rows.lower_bound(begin); row != writes.rows.end() && row->first < end;
         ++row) {
      if (from < row->first) pieces.emplace_back(from, row->first);
      from = row->first + '\0';
    }
    if (from < end) pieces.emplace_back(std::move(from), end);
  }
  return pieces;
}

bool EtcdGroup::changed(const std::string& key) const {
  return rows_.contains(key) || lies_in(ranges_, key);
}

bool EtcdGroup::changed_in(const std::string& begin, const std::string& end) const {
  return any_in(rows_, begin, end) || any_in(adds_, begin, end) ||
         std::ranges::any_of(
             ranges_, [&](const auto& range) { return range.first < end && begin < range.second; });
}

bool EtcdGroup::touches(const KvBatch& batch, const EtcdWrites& writes) const {
  for (const KvCondition& condition : batch.conditions) {
    const bool is_range = condition.kind == KvCondition::Kind::kEmptyRange;
    if (is_range ? changed_in(condition.key, condition.value)
                 : changed(condition.key) || adds_.contains(condition.key)) {
      return true;
    }
  }
  return std::ranges::any_of(
             writes.rows,
             [this](const auto& row) { return changed(row.first) || adds_.contains(row.first); }) ||
         std::ranges::any_of(writes.adds, [this](const auto& sum) { return changed(sum.first); }) ||
         std::ranges::any_of(writes.ranges, [this](const auto& range) {
           return changed_in(range.first, range.second);
         });
}

bool EtcdGroup::join(const KvBatch& batch, const EtcdWrites& writes) {
  const std::size_t conditions = batch.conditions.size() + writes.adds.size();
  const std::size_t changes = writes.rows.size() + writes.adds.size() + 2 * writes.ranges.size();
  // One of each is the writer's mark.
  const bool full = conditions_ + conditions + 1 > most_ops_ || changes_ + changes + 1 > most_ops_;
  if (!empty_ && (full || touches(batch, writes))) return false;
  empty_ = false;
  conditions_ += conditions;
  changes_ += changes;
  for (const auto& [key, value] : writes.rows) rows_.insert(key);
  for (const auto& [key, delta] : writes.adds) adds_.insert(key);
  ranges_.insert(ranges_.end(), writes.ranges.begin(), writes.ranges.end());
  return true;
}

}  // namespace kelp
