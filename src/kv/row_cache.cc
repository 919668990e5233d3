#include "kv/row_cache.h"

#include <algorithm>
#include <functional>

namespace kelp {
namespace {

constexpr std::size_t kRowOverheadBytes = 200;  // List node, map slot, three allocations.

}  // namespace

RowCache::RowCache(std::size_t bytes) : shard_bytes_(bytes / kShards) {}

RowCache::Found RowCache::find(std::string_view key) {
  Found found{.value = {}, .ticket = {.hash = hash_of(key)}};
  Ticket& ticket = found.ticket;
  // In this order, the reverse of a clearing write's, so that none that is missed goes unnoticed.
  ticket.clears = clears_.load();
  ticket.quiet = clears_under_way_.load() == 0;
  Shard& shard = shard_of(ticket.hash);
  std::shared_ptr<const std::string> value;
  {
    const std::lock_guard lock(shard.mutex);
    const auto at = shard.by_hash.find(ticket.hash);
    if (at != shard.by_hash.end() && at->second->key == key) {
      shard.rows.splice(shard.rows.begin(), shard.rows, at->second);
      value = at->second->value;
    } else {
      const Mark& mark = mark_of(shard, ticket.hash);
      ticket.writes = mark.writes;
      ticket.quiet = ticket.quiet && mark.under_way == 0;
    }
  }
  if (value != nullptr) found.value.emplace(*value);
  return found;
}

void RowCache::insert(const Ticket& ticket, std::string_view key, std::string_view value) {
  if (!ticket.quiet || key.size() + value.size() > shard_bytes_ / 8) return;
  Shard& shard = shard_of(ticket.hash);
  {
    const std::lock_guard lock(shard.mutex);
    if (!seen_before(shard, ticket.hash)) return;
  }
  std::list<Row> row;
  row.push_back({.hash = ticket.hash,
                 .key = std::string(key),
                 .value = std::make_shared<const std::string>(value)});
  std::list<Row> gone;  // What is given back is given back without the lock.
  const std::lock_guard lock(shard.mutex);
  if (mark_of(shard, ticket.hash).writes != ticket.writes || clears_.load() != ticket.clears) {
    return;
  }
  take_out(shard, ticket.hash, gone);
  shard.rows.splice(shard.rows.begin(), row);
  shard.by_hash.emplace(ticket.hash, shard.rows.begin());
  shard.bytes += bytes_of(shard.rows.front());
  while (shard.bytes > shard_bytes_) take_out(shard, shard.rows.back().hash, gone);
}

RowCache::Write RowCache::begin_write(const KvBatch& batch) {
  Write write;
  write.marks.reserve(batch.writes.size());
  for (const KvWrite& one : batch.writes) {
    if (one.kind == KvWrite::Kind::kDeleteRange) {
      write.clears = true;
      continue;
    }
    const std::uint64_t hash = hash_of(one.key);
    std::list<Row> gone;
    Shard& shard = shard_of(hash);
    const std::lock_guard lock(shard.mutex);
    Mark& mark = mark_of(shard, hash);
    ++mark.writes;
    ++mark.under_way;
    take_out(shard, hash, gone);
    write.marks.push_back(static_cast<std::uint32_t>(hash % (kShards * kMarks)));
  }
  if (write.clears) clear();
  return write;
}

void RowCache::end_write(const Write& write) {
  for (const std::uint32_t at : write.marks) {
    Shard& shard = shard_of(at);
    const std::lock_guard lock(shard.mutex);
    --mark_of(shard, at).under_way;
  }
  if (write.clears) --clears_under_way_;
}

void RowCache::clear() {
  ++clears_under_way_;
  ++clears_;
  for (Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    shard.by_hash.clear();
    shard.rows.clear();
    shard.bytes = 0;
  }
}

std::uint64_t RowCache::hash_of(std::string_view key) {
  return std::hash<std::string_view>()(key);
}

std::size_t RowCache::bytes_of(const Row& row) {
  return row.key.size() + row.value->size() + kRowOverheadBytes;
}

/// Moves the row with `hash`, if there is one, to `gone`.
void RowCache::take_out(Shard& shard, std::uint64_t hash, std::list<Row>& gone) {
  const auto at = shard.by_hash.find(hash);
  if (at == shard.by_hash.end()) return;
  shard.bytes -= bytes_of(*at->second);
  gone.splice(gone.begin(), shard.rows, at->second);
  shard.by_hash.erase(at);
}

bool RowCache::seen_before(Shard& shard, std::uint64_t hash) {
  auto& set = shard.seen[hash / kShards % kSeenSets];
  const auto wanted = static_cast<std::uint32_t>(hash >> 32);
  if (std::ranges::find(set, wanted) != set.end()) return true;
  std::ranges::rotate(set, set.end() - 1);
  set.front() = wanted;
  return false;
}

}  // namespace kelp
