#include "kv/row_cache.h"

#include <functional>

namespace kelp {
namespace {

constexpr std::size_t kRowOverheadBytes = 160;  // List node, map slot, two allocations.

}  // namespace

RowCache::RowCache(std::size_t bytes) : shard_bytes_(bytes / kShards) {}

RowCache::Found RowCache::find(std::string_view key) {
  Found found{.value = {}, .ticket = {.hash = hash_of(key)}};
  Ticket& ticket = found.ticket;
  // In this order, the reverse of a clearing write's, so that none that is missed goes unnoticed.
  ticket.clears = clears_.load();
  ticket.quiet = clears_under_way_.load() == 0;
  Shard& shard = shard_of(ticket.hash);
  const std::lock_guard lock(shard.mutex);
  const auto at = shard.by_hash.find(ticket.hash);
  if (at != shard.by_hash.end() && at->second->key == key) {
    shard.rows.splice(shard.rows.begin(), shard.rows, at->second);
    found.value.emplace(at->second->value);
    return found;
  }
  const Mark& mark = mark_of(shard, ticket.hash);
  ticket.writes = mark.writes;
  ticket.quiet = ticket.quiet && mark.under_way == 0;
  return found;
}

void RowCache::insert(const Ticket& ticket, std::string_view key, std::string_view value) {
  if (!ticket.quiet || key.size() + value.size() > shard_bytes_ / 8) return;
  Shard& shard = shard_of(ticket.hash);
  const std::lock_guard lock(shard.mutex);
  if (!seen_before(shard, ticket.hash)) return;
  if (mark_of(shard, ticket.hash).writes != ticket.writes || clears_.load() != ticket.clears) {
    return;
  }
  drop(shard, ticket.hash);
  shard.rows.push_front(
      {.hash = ticket.hash, .key = std::string(key), .value = std::string(value)});
  shard.by_hash.emplace(ticket.hash, shard.rows.begin());
  shard.bytes += bytes_of(shard.rows.front());
  while (shard.bytes > shard_bytes_) drop(shard, shard.rows.back().hash);
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
    Shard& shard = shard_of(hash);
    const std::lock_guard lock(shard.mutex);
    Mark& mark = mark_of(shard, hash);
    ++mark.writes;
    ++mark.under_way;
    drop(shard, hash);
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
  return row.key.size() + row.value.size() + kRowOverheadBytes;
}

/// Takes out the row with `hash`, if there is one.
void RowCache::drop(Shard& shard, std::uint64_t hash) {
  const auto at = shard.by_hash.find(hash);
  if (at == shard.by_hash.end()) return;
  shard.bytes -= bytes_of(*at->second);
  shard.rows.erase(at->second);
  shard.by_hash.erase(at);
}

bool RowCache::seen_before(Shard& shard, std::uint64_t hash) {
  std::uint32_t& slot = shard.seen[hash / kShards % kSeen];
  const auto wanted = static_cast<std::uint32_t>(hash >> 32);
  if (slot == wanted) return true;
  slot = wanted;
  return false;
}

}  // namespace kelp
