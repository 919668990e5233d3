#include "crypto/md5.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <vector>

#include "crypto/md5_kernels.h"
#include "crypto/md5_rounds.h"

namespace kelp {
namespace {

static_assert(std::endian::native == std::endian::little, "words are loaded as they lie");

struct Barrier {
  [[gnu::always_inline]] static inline void keep(std::uint32_t& word) { asm("" : "+r"(word)); }
};

void compress_portable(std::span<const Md5Lane> given, std::size_t count) {
  std::uint32_t* const words = given[0].state;
  const std::byte* at = given[0].blocks;
  md5::State<std::uint32_t> state{words[0], words[1], words[2], words[3]};
  for (; count > 0; --count, at += md5::kBlockBytes) {
    md5::Block<std::uint32_t> block;
    std::memcpy(block.data(), at, md5::kBlockBytes);
    md5::compress<md5::TwoOperands<std::uint32_t, Barrier>>(state, block);
  }
  words[0] = state.a;
  words[1] = state.b;
  words[2] = state.c;
  words[3] = state.d;
}

/// What there is, and which of it is used for what.
struct Choice {
  std::vector<Md5Kernel> kernels;
  Md5Kernel single{"portable", 1, compress_portable};
  Md5Kernel wide = single;
};

Choice choose() {
  Choice choice;
  choice.kernels.push_back(choice.single);
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") != 0) {
    choice.wide = {"avx2", 8, md5_compress_avx2};
    choice.kernels.push_back(choice.wide);
  }
  if (__builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512vl") != 0) {
    const Md5Kernel one{"avx512_one", 1, md5_compress_avx512_one};
    choice.wide = {"avx512", 16, md5_compress_avx512};
    choice.kernels.push_back(one);
    choice.kernels.push_back(choice.wide);
    // AMD's Zen 5 takes two cycles for what Intel's cores do in one.
    if (__builtin_cpu_is("intel") != 0) choice.single = one;
  }
#endif
  return choice;
}

const Choice& chosen() {
  static const Choice kChoice = choose();
  return kChoice;
}

}  // namespace

std::span<const Md5Kernel> md5_kernels() {
  return chosen().kernels;
}
const Md5Kernel& md5_single_kernel() {
  return chosen().single;
}
const Md5Kernel& md5_wide_kernel() {
  return chosen().wide;
}
std::size_t md5_lanes() {
  return chosen().wide.lanes;
}

ByteSpan Md5::fill_block(ByteSpan bytes) {
  const std::size_t filled = bytes_ % kBlockBytes;
  if (filled == 0) return bytes;
  const std::size_t take = std::min(bytes.size(), kBlockBytes - filled);
  std::memcpy(block_.data() + filled, bytes.data(), take);
  bytes_ += take;
  if (filled + take == kBlockBytes) {
    const Md5Lane lane{.state = state_.data(), .blocks = block_.data()};
    md5_single_kernel().compress({&lane, 1}, 1);
  }
  return bytes.subspan(take);
}

void Md5::keep(ByteSpan rest) {
  if (rest.empty()) return;
  std::memcpy(block_.data(), rest.data(), rest.size());
  bytes_ += rest.size();
}

void Md5::update(ByteSpan bytes) {
  if (bytes.empty()) return;
  bytes = fill_block(bytes);
  const std::size_t blocks = bytes.size() / kBlockBytes;
  if (blocks > 0) {
    const Md5Lane lane{.state = state_.data(), .blocks = bytes.data()};
    md5_single_kernel().compress({&lane, 1}, blocks);
    bytes_ += blocks * kBlockBytes;
  }
  keep(bytes.subspan(blocks * kBlockBytes));
}

std::string Md5::finish() {
  // RFC 1321 sections 3.1 and 3.2: a bit, zeros up to 56 modulo 64, the length in bits.
  const std::uint64_t bits = bytes_ * 8;
  std::array<std::byte, kBlockBytes + 8> padding{std::byte{0x80}};
  const std::size_t zeros_end = (kBlockBytes + 55 - bytes_ % kBlockBytes) % kBlockBytes + 1;
  std::memcpy(padding.data() + zeros_end, &bits, sizeof bits);
  update(ByteSpan(padding).first(zeros_end + sizeof bits));
  std::string raw(sizeof state_, '\0');
  std::memcpy(raw.data(), state_.data(), raw.size());
  *this = Md5();
  return raw;
}

/// One call of update_together(): the lanes that are busy, and the inputs that wait for one.
class Md5Together {
 public:
  explicit Md5Together(std::span<const Md5Input> inputs) : waiting_(inputs) {}

  void run() {
    while (fill() > 0) {
      const Md5Kernel& kernel = count_ == 1 ? md5_single_kernel() : md5_wide_kernel();
      const std::span<Md5Lane> lanes = std::span(lanes_).first(count_);
      const std::size_t blocks = *std::ranges::min_element(std::span(blocks_).first(count_));
      kernel.compress(lanes, blocks);
      advance(blocks);
    }
  }

 private:
  static constexpr std::size_t kMaxLanes = 16;

  /// Gives free lanes to waiting inputs that have a whole block. The count of busy ones.
  std::size_t fill() {
    while (count_ < md5_lanes() && !waiting_.empty()) {
      Md5& stream = *waiting_.front().stream;
      ByteSpan bytes = waiting_.front().bytes;
      waiting_ = waiting_.subspan(1);
      if (bytes.empty()) continue;
      bytes = stream.fill_block(bytes);
      const std::size_t blocks = bytes.size() / Md5::kBlockBytes;
      if (blocks > 0) {
        lanes_[count_] = {.state = stream.state_.data(), .blocks = bytes.data()};
        blocks_[count_++] = blocks;
        stream.bytes_ += blocks * Md5::kBlockBytes;
      }
      // Kept now: the block's bytes are not looked at before the lane has ended.
      stream.keep(bytes.subspan(blocks * Md5::kBlockBytes));
    }
    return count_;
  }

  /// After `blocks` of each: frees the lanes that have ended.
  void advance(std::size_t blocks) {
    for (std::size_t i = 0; i < count_;) {
      lanes_[i].blocks += blocks * Md5::kBlockBytes;
      blocks_[i] -= blocks;
      if (blocks_[i] > 0) {
        ++i;
      } else {
        --count_;
        lanes_[i] = lanes_[count_];
        blocks_[i] = blocks_[count_];
      }
    }
  }

  std::span<const Md5Input> waiting_;
  std::array<Md5Lane, kMaxLanes> lanes_;
  std::array<std::size_t, kMaxLanes> blocks_{};
  std::size_t count_ = 0;
};

void update_together(std::span<const Md5Input> inputs) {
  Md5Together(inputs).run();
}

}  // namespace kelp
