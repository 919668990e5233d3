#include "volume/core/frequency_sketch.h"

#include <algorithm>
#include <array>

namespace kelp {
namespace {

constexpr std::size_t kLeastWords = 64;
constexpr std::size_t kWindowPerKey = 8;
constexpr std::uint64_t kGolden = 0x9e3779b97f4a7c15;

/// One counter in the table.
struct Counter {
  std::size_t word;
  unsigned shift;
};

/// The counters of a key, each chosen on its own.
std::array<Counter, 4> counters_of(std::uint64_t key, std::size_t words) {
  std::array<Counter, 4> out{};
  for (Counter& counter : out) {
    key += kGolden;
    const std::uint64_t number = mixed(key);
    counter = {below(number, words), static_cast<unsigned>(number & 15) * 4};
  }
  return out;
}

}  // namespace

FrequencySketch::FrequencySketch(std::size_t keys)
    : words_(std::max(keys, kLeastWords)), window_(kWindowPerKey * words_.size()) {}

/// Only the lowest of its counters rise: the others are high because of other keys.
void FrequencySketch::add(std::uint64_t key) {
  const unsigned seen = estimate(key);
  if (seen < kMost) {
    for (const Counter& counter : counters_of(key, words_.size())) {
      std::uint64_t& word = words_[counter.word];
      if (((word >> counter.shift) & kMost) == seen) word += 1ULL << counter.shift;
    }
  }
  if (++added_ >= window_) halve();
}

unsigned FrequencySketch::estimate(std::uint64_t key) const {
  std::uint64_t least = kMost;
  for (const Counter& counter : counters_of(key, words_.size())) {
    least = std::min(least, (words_[counter.word] >> counter.shift) & kMost);
  }
  return static_cast<unsigned>(least);
}

void FrequencySketch::halve() {
  constexpr std::uint64_t kWithoutTops = 0x7777777777777777;
  for (std::uint64_t& word : words_) word = (word >> 1) & kWithoutTops;
  added_ = 0;
}

}  // namespace kelp
