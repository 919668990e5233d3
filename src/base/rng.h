#pragma once

#include <cstdint>

namespace kelp {

/// Seeded pseudo-random numbers (xoshiro256**; Blackman and Vigna, 2018). Same seed, same sequence,
/// on every machine. Not for secrets (crypto/random.h). Not thread-safe: one per thread or owner.
class Rng {
 public:
  explicit Rng(std::uint64_t seed);
  /// Uniform over all 64-bit values.
  std::uint64_t next();
  /// Uniform in [0, bound); `bound` must not be 0.
  std::uint64_t below(std::uint64_t bound);
  /// True with probability `per_million` / 1,000,000.
  bool chance(std::uint32_t per_million) { return below(1'000'000) < per_million; }

 private:
  std::uint64_t state_[4];
};

}  // namespace kelp
