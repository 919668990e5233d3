#pragma once

#include "crypto/md5_kernels.h"
#include "crypto/md5_rounds.h"

namespace kelp::md5 {

/// The lanes of a vector of words. Those that were not given do what the first does, for nothing.
template <typename Word>
struct Lanes {
  static constexpr std::size_t kCount = sizeof(Word) / sizeof(std::uint32_t);

  explicit Lanes(std::span<const Md5Lane> given) {
    for (std::size_t i = 0; i < kCount; ++i) {
      const Md5Lane& lane = given[i < given.size() ? i : 0];
      at[i] = lane.blocks;
      state.a[i] = lane.state[0];
      state.b[i] = lane.state[1];
      state.c[i] = lane.state[2];
      state.d[i] = lane.state[3];
    }
  }
  void advance() {
    for (const std::byte*& lane : at) lane += kBlockBytes;
  }
  void store(std::span<const Md5Lane> given) const {
    for (std::size_t i = 0; i < given.size(); ++i) {
      given[i].state[0] = state.a[i];
      given[i].state[1] = state.b[i];
      given[i].state[2] = state.c[i];
      given[i].state[3] = state.d[i];
    }
  }

  std::array<const std::byte*, kCount> at{};
  State<Word> state{};
};

}  // namespace kelp::md5
