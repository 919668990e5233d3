#include "volume/store/block_cache.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/log.h"

namespace kelp {
namespace {

std::string file_of(const std::string& directory) {
  return directory + "/blocks";
}

std::size_t slots_of(std::uint64_t bytes) {
  return std::max<std::size_t>(bytes / BlockCache::kChunkBytes, 1);
}

std::uint64_t place_of(CacheSlots::Slot slot) {
  return std::uint64_t{slot} * BlockCache::kChunkBytes;
}

}  // namespace

BlockCache::Probe::Probe(Metrics& metrics)
    : hits(metrics.counter("kelp_volume_cache_hits_total", "Pieces of logs that the cache had")),
      hit_bytes(metrics.counter("kelp_volume_cache_hit_bytes_total", "Bytes read from the cache")),
      misses(metrics.counter("kelp_volume_cache_misses_total",
                             "Pieces of logs that were read from the slower disk")),
      admitted(metrics.counter("kelp_volume_cache_admitted_total",
                               "Pieces of logs that came into the cache")),
      evicted(metrics.counter("kelp_volume_cache_evicted_total",
                              "Pieces of logs that made room for others")),
      bad(metrics.counter("kelp_volume_cache_bad_total",
                          "Reads that found bytes of the cache damaged and took the disk's")),
      bytes(metrics.gauge("kelp_volume_cache_bytes", "Bytes in the cache")),
      off(metrics.gauge("kelp_volume_cache_off",
                        "1: the cache is configured and does not work, until the next start")) {}

BlockCache::BlockCache(BlockCacheOptions options, BlockCacheParts parts)
    : options_(std::move(options)), parts_(parts), probe_(parts.metrics) {
  on_ = true;
  if (const auto opened = open(); !opened.has_value()) {
    switch_off(opened.error());
    return;
  }
  logger("volume").info("cache_opened directory={} bytes={} memory_bytes={}",
                        log_value(options_.directory), options_.bytes, memory_bytes());
}

BlockCache::~BlockCache() = default;

Result<void> BlockCache::open() {
  FileIo& io = parts_.io;
  KELP_TRY(const bool there, io.exists(options_.directory));
  if (!there) {
    return Error(Errc::kNotFound, fmt::format("{} is not there: is its disk mounted? The directory "
                                              "of volume.cache is made by its operator",
                                              options_.directory));
  }
  KELP_TRY(lock_, io.lock_dir(options_.directory));
  const std::string path = file_of(options_.directory);
  KELP_TRY(const bool old, io.exists(path));
  if (old) {
    KELP_CHECK(io.remove(path));
  }
  KELP_TRY(const DiskSpace space, io.space(options_.directory));
  if (space.free_bytes < options_.bytes) {
    return Error(Errc::kNoSpace, fmt::format("{} has {} bytes free, volume.cache_size is {}",
                                             options_.directory, space.free_bytes, options_.bytes));
  }
  KELP_TRY(file_, io.open(path, OpenMode::kCreateExclusive));
  const std::size_t slots = slots_of(options_.bytes);
  KELP_CHECK(file_->truncate(slots * kChunkBytes));
  slots_.emplace(slots);
  return {};
}

/// An error proves nothing about the next read or write.
void BlockCache::switch_off(const Error& error) {
  if (!on_.exchange(false)) return;
  probe_.off.Set(1);
  logger("volume").warn("cache_off directory={} error={}", log_value(options_.directory),
                        log_value(error.message()));
}

std::uint32_t BlockCache::begin_log() {
  const std::lock_guard lock(mutex_);
  return slots_.has_value() ? slots_->begin_log() : 0;
}

void BlockCache::end_log(std::uint32_t log) {
  const std::lock_guard lock(mutex_);
  if (slots_.has_value()) slots_->end_log(log);
}

void BlockCache::note(ChunkId id) {
  const std::lock_guard lock(mutex_);
  slots_->note(id);
}

bool BlockCache::has(ChunkId id) const {
  if (!on()) return false;
  const std::lock_guard lock(mutex_);
  return slots_->has(id);
}

bool BlockCache::read(ChunkId id, std::size_t at, MutableByteSpan buffer, bool may_wait) {
  if (!on()) return false;
  std::optional<CacheSlots::Slot> slot;
  {
    const std::lock_guard lock(mutex_);
    slot = slots_->hold(id);
  }
  if (!slot.has_value()) return false;
  const std::uint64_t place = place_of(*slot) + at;
  Result<bool> got = false;
  if (may_wait) {
    const auto bytes = file_->read_at(place, buffer);
    got = bytes.has_value() ? Result<bool>(*bytes == buffer.size()) : bytes.error();
  } else {
    got = file_->try_read_at(place, buffer);
  }
  {
    const std::lock_guard lock(mutex_);
    slots_->release(*slot);
  }
  if (!got.has_value()) switch_off(got.error());
  if (!got.value_or(false)) return false;
  probe_.hits.Increment();
  probe_.hit_bytes.Increment(static_cast<double>(buffer.size()));
  return true;
}

std::optional<CacheSlots::Slot> BlockCache::admit(ChunkId id) {
  if (!on()) return std::nullopt;
  const std::lock_guard lock(mutex_);
  const auto slot = slots_->admit(id);
  show_use();
  return slot;
}

void BlockCache::put(CacheSlots::Slot slot, ChunkId id, ByteSpan chunk) {
  const auto written = file_->write_at(place_of(slot), std::span(&chunk, 1));
  if (!written.has_value()) {
    give_up(slot);
    return switch_off(written.error());
  }
  const std::lock_guard lock(mutex_);
  if (slots_->filled(slot, id)) probe_.admitted.Increment();
  show_use();
}

void BlockCache::give_up(CacheSlots::Slot slot) {
  const std::lock_guard lock(mutex_);
  slots_->release(slot);
}

bool BlockCache::drop(ChunkId id) {
  const std::lock_guard lock(mutex_);
  if (!slots_.has_value()) return false;
  const bool dropped = slots_->drop(id);
  show_use();
  return dropped;
}

void BlockCache::show_use() {
  probe_.bytes.Set(static_cast<double>(slots_->used() * kChunkBytes));
  probe_.evicted.Increment(static_cast<double>(slots_->evicted() - evicted_));
  evicted_ = slots_->evicted();
}

void BlockCache::count_misses(std::size_t chunks) {
  probe_.misses.Increment(static_cast<double>(chunks));
}

void BlockCache::count_bad() {
  probe_.bad.Increment();
}

std::size_t BlockCache::memory_bytes() const {
  const std::lock_guard lock(mutex_);
  return slots_.has_value() ? slots_->memory_bytes() : 0;
}

}  // namespace kelp
