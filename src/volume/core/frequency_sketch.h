#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace kelp {

/// A well mixed number for a key: equal keys, equal numbers.
[[nodiscard]] constexpr std::uint64_t mixed(std::uint64_t key) {
  key = (key ^ (key >> 30)) * 0xbf58476d1ce4e5b9;  // the finalizer of SplitMix64
  key = (key ^ (key >> 27)) * 0x94d049bb133111eb;
  return key ^ (key >> 31);
}
/// `number` brought below `limit`, by its upper bits.
[[nodiscard]] constexpr std::size_t below(std::uint64_t number, std::size_t limit) {
  return static_cast<std::size_t>(((number >> 32) * limit) >> 32);
}

/// How often keys were seen lately, about: a count-min sketch of small counters that are halved
/// after every so many keys, so that old fame fades (Einziger, Friedman, Manes: TinyLFU, 2017). Too
/// high now and then, never too low but by the halving. Not thread-safe.
class FrequencySketch {
 public:
  static constexpr unsigned kMost = 15;  ///< Counters stop here.
  /// Room to tell `keys` keys from each other: 8 bytes each. Below 2^32.
  explicit FrequencySketch(std::size_t keys);
  void add(std::uint64_t key);
  /// 0 to kMost.
  [[nodiscard]] unsigned estimate(std::uint64_t key) const;
  /// Keys added between two halvings.
  [[nodiscard]] std::size_t window() const { return window_; }
  [[nodiscard]] std::size_t memory_bytes() const { return words_.capacity() * sizeof(words_[0]); }

 private:
  void halve();

  std::vector<std::uint64_t> words_;  ///< 16 counters each.
  std::size_t window_;
  std::size_t added_ = 0;
};

}  // namespace kelp
