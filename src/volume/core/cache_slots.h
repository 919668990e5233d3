#pragma once

#include <boost/unordered/unordered_flat_set.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "volume/core/frequency_sketch.h"

namespace kelp {

/// A piece of a log that may be cached. `log` is a number that no other log of this process ever
/// had, so that what was cached of one that is gone is never taken for another's.
struct ChunkId {
  std::uint32_t log = 0;     ///< From 1.
  std::uint32_t number = 0;  ///< Its place in the log, in chunks.
  friend bool operator==(const ChunkId&, const ChunkId&) = default;
};

/// Which chunks lie in which slots of a cache, and which may come in (docs/adr/0016-ssd-cache.md).
/// About 30 bytes a slot, taken at once. Not thread-safe.
///
/// A chunk comes in when it was asked for twice, and oftener than one of the next few behind the
/// hand, which goes round: so slots are given out in ascending order, nearly, and what is asked for
/// once, however much of it, takes nobody's place.
class CacheSlots {
 public:
  using Slot = std::uint32_t;
  /// `slots`: from 1, below 2^32.
  explicit CacheSlots(std::size_t slots);
  CacheSlots(const CacheSlots&) = delete;
  CacheSlots& operator=(const CacheSlots&) = delete;

  /// A number for a log; 0 when there is none left.
  std::uint32_t begin_log();
  /// Its chunks are the first to go.
  void end_log(std::uint32_t log);

  /// Counts that `id` was asked for. Again within the next few hundred is not counted: that is how
  /// one reader goes through it.
  void note(ChunkId id);
  [[nodiscard]] bool has(ChunkId id) const { return chunks_.contains(packed(id)); }
  /// The slot that has it. Nobody writes there before release().
  [[nodiscard]] std::optional<Slot> hold(ChunkId id);
  void release(Slot slot);

  /// A slot to write `id` to, when it may come in; then filled(), or release() when that failed.
  /// Until filled() nobody finds it.
  [[nodiscard]] std::optional<Slot> admit(ChunkId id);
  /// The slot has its bytes now. Another slot may have been quicker: false.
  bool filled(Slot slot, ChunkId id);
  /// Forgets it; false when it is not here.
  bool drop(ChunkId id);

  [[nodiscard]] std::size_t used() const { return chunks_.size(); }
  [[nodiscard]] std::size_t slots() const { return keys_.size(); }
  /// Chunks that gave their slot to another one, so far.
  [[nodiscard]] std::uint64_t evicted() const { return evicted_; }
  [[nodiscard]] std::size_t memory_bytes() const;

 private:
  static std::uint64_t packed(ChunkId id) { return std::uint64_t{id.log} << 32 | id.number; }
  /// Slots are found by what is in them.
  struct Hash {
    using is_transparent = void;
    const std::vector<std::uint64_t>* keys;
    std::size_t operator()(std::uint64_t key) const { return mixed(key); }
    std::size_t operator()(Slot slot) const { return mixed((*keys)[slot]); }
  };
  struct Same {
    using is_transparent = void;
    const std::vector<std::uint64_t>* keys;
    bool operator()(Slot one, Slot other) const { return one == other; }
    bool operator()(std::uint64_t key, Slot slot) const { return key == (*keys)[slot]; }
    bool operator()(Slot slot, std::uint64_t key) const { return key == (*keys)[slot]; }
  };

  [[nodiscard]] unsigned worth(std::uint64_t key) const;
  Slot take(Slot slot);

  std::vector<std::uint64_t> keys_;  ///< By slot; 0: nothing that may be read.
  std::vector<std::uint8_t> holders_;
  boost::unordered_flat_set<Slot, Hash, Same> chunks_;  ///< Slots with something to read.
  boost::unordered_flat_set<std::uint32_t> logs_;       ///< That began and did not end.
  FrequencySketch sketch_;
  struct Noted {
    std::uint64_t key = 0;
    std::uint64_t at = 0;
  };
  std::vector<Noted> recent_;  ///< What was counted last; about, as some share a place.
  std::uint64_t moment_;       ///< So many notes long.
  std::uint64_t notes_ = 0;
  std::uint32_t last_log_ = 0;
  std::size_t hand_ = 0;
  std::uint64_t evicted_ = 0;
};

}  // namespace kelp
