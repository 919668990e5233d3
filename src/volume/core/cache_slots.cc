#include "volume/core/cache_slots.h"

#include <algorithm>
#include <limits>

#include "base/assert.h"

namespace kelp {
namespace {

constexpr unsigned kLeastAsked = 2;   ///< To come in.
constexpr std::size_t kLookedAt = 8;  ///< Slots of which one has to be worth less.
constexpr std::size_t kLongestMoment = 256;
constexpr std::size_t kNotedPerNote = 4;  ///< Room, so that few share a place.
constexpr std::uint8_t kMostHolders = std::numeric_limits<std::uint8_t>::max();

}  // namespace

CacheSlots::CacheSlots(std::size_t slots)
    : keys_(slots),
      holders_(slots),
      chunks_(0, Hash{&keys_}, Same{&keys_}),
      sketch_(slots),
      moment_(std::clamp<std::size_t>(slots / 16, 1, kLongestMoment)) {
  KELP_ASSERT(slots > 0 && slots < std::numeric_limits<Slot>::max(), "slots have 32 bits");
  chunks_.reserve(slots);
  recent_.resize(moment_ * kNotedPerNote);
}

std::uint32_t CacheSlots::begin_log() {
  if (last_log_ == std::numeric_limits<std::uint32_t>::max()) return 0;
  logs_.insert(++last_log_);
  return last_log_;
}

void CacheSlots::end_log(std::uint32_t log) {
  logs_.erase(log);
}

void CacheSlots::note(ChunkId id) {
  const std::uint64_t key = packed(id);
  Noted& recent = recent_[below(mixed(key), recent_.size())];
  ++notes_;
  if (recent.key == key && notes_ - recent.at <= moment_) return;
  recent = {key, notes_};
  sketch_.add(key);
}

std::optional<CacheSlots::Slot> CacheSlots::hold(ChunkId id) {
  const auto found = chunks_.find(packed(id));
  if (found == chunks_.end() || holders_[*found] == kMostHolders) return std::nullopt;
  ++holders_[*found];
  return *found;
}

void CacheSlots::release(Slot slot) {
  KELP_ASSERT(holders_[slot] > 0, "a slot is released as often as it is held");
  --holders_[slot];
}

unsigned CacheSlots::worth(std::uint64_t key) const {
  const auto log = static_cast<std::uint32_t>(key >> 32);
  return logs_.contains(log) ? sketch_.estimate(key) : 0;
}

std::optional<CacheSlots::Slot> CacheSlots::admit(ChunkId id) {
  const std::uint64_t key = packed(id);
  unsigned least = sketch_.estimate(key);
  if (least < kLeastAsked || chunks_.contains(key)) return std::nullopt;
  std::optional<Slot> chosen;
  for (std::size_t looked = 0; looked < std::min(kLookedAt, keys_.size()); ++looked) {
    const auto slot = static_cast<Slot>(hand_);
    hand_ = (hand_ + 1) % keys_.size();
    if (holders_[slot] > 0) continue;
    if (keys_[slot] == 0) return take(slot);
    const unsigned worth_here = worth(keys_[slot]);
    if (worth_here >= least) continue;
    least = worth_here;
    chosen = slot;
  }
  if (!chosen.has_value()) return std::nullopt;
  hand_ = (*chosen + 1) % keys_.size();
  return take(*chosen);
}

/// Empty and held from here on.
CacheSlots::Slot CacheSlots::take(Slot slot) {
  if (keys_[slot] != 0) {
    chunks_.erase(slot);
    keys_[slot] = 0;
    ++evicted_;
  }
  ++holders_[slot];
  return slot;
}

bool CacheSlots::filled(Slot slot, ChunkId id) {
  release(slot);
  const std::uint64_t key = packed(id);
  if (chunks_.contains(key)) return false;
  keys_[slot] = key;
  chunks_.insert(slot);
  return true;
}

/// Whoever holds the slot goes on reading; it is not given out before he lets go.
bool CacheSlots::drop(ChunkId id) {
  const auto found = chunks_.find(packed(id));
  if (found == chunks_.end()) return false;
  const Slot slot = *found;
  chunks_.erase(found);
  keys_[slot] = 0;
  return true;
}

std::size_t CacheSlots::memory_bytes() const {
  return keys_.capacity() * sizeof(keys_[0]) + holders_.capacity() +
         // A group of the table has 15 slots and 16 bytes about them.
         chunks_.bucket_count() * sizeof(Slot) + chunks_.bucket_count() / 15 * 16 +
         sketch_.memory_bytes() + recent_.capacity() * sizeof(recent_[0]);
}

}  // namespace kelp
