// MD5 with AVX-512: any function of three words is one instruction, and so is a rotation.

#include "crypto/md5_kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include <array>
#include <cstring>
#include <utility>

#pragma clang attribute push(__attribute__((target("avx512f,avx512vl"))), apply_to = function)

#include "crypto/md5_lanes.h"
#include "crypto/md5_rounds.h"

namespace kelp {
namespace {

constexpr std::size_t kLanes = 16;

typedef std::uint32_t One __attribute__((vector_size(16)));
typedef std::uint32_t Wide __attribute__((vector_size(64)));

[[gnu::always_inline]] inline One ternary(One d, One b, One c, auto truth) {
  return (One)_mm_ternarylogic_epi32((__m128i)d, (__m128i)b, (__m128i)c, truth.value);
}
[[gnu::always_inline]] inline Wide ternary(Wide d, Wide b, Wide c, auto truth) {
  return (Wide)_mm512_ternarylogic_epi32((__m512i)d, (__m512i)b, (__m512i)c, truth.value);
}

template <typename Word>
struct ThreeOperands {
  using W = Word;
  [[gnu::always_inline]] static inline void keep(Word& word) { asm("" : "+v"(word)); }

  template <std::size_t kRound>
  [[gnu::always_inline]] static inline Word add_mixed(Word sum, Word b, Word c, Word d) {
    // F, G, H and I of RFC 1321; the bit at 4 d + 2 b + c is the answer.
    constexpr int kTruth[4] = {0xb8, 0xca, 0x96, 0x65};
    Word early = d;  // the operand that is overwritten: not b, which comes last
    keep(early);
    return sum + ternary(early, b, c, std::integral_constant<int, kTruth[kRound]>());
  }
};

// Four lanes' 16 bytes in each quarter of a register, at `offset` of each one's blocks.
[[gnu::always_inline]] inline __m512i load_rows(const std::array<const std::byte*, kLanes>& at,
                                                std::size_t first, std::size_t offset) {
  const auto row = [&](std::size_t lane) __attribute__((always_inline)) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at[lane] + offset));
  };
  __m512i rows = _mm512_castsi128_si512(row(first));
  rows = _mm512_inserti32x4(rows, row(first + 4), 1);
  rows = _mm512_inserti32x4(rows, row(first + 8), 2);
  return _mm512_inserti32x4(rows, row(first + 12), 3);
}

[[gnu::always_inline]] inline void load_block(const std::array<const std::byte*, kLanes>& at,
                                              md5::Block<Wide>& block) {
  for (std::size_t quarter = 0; quarter < 4; ++quarter) {
    const __m512i r0 = load_rows(at, 0, 16 * quarter);
    const __m512i r1 = load_rows(at, 1, 16 * quarter);
    const __m512i r2 = load_rows(at, 2, 16 * quarter);
    const __m512i r3 = load_rows(at, 3, 16 * quarter);
    const __m512i low01 = _mm512_unpacklo_epi32(r0, r1);
    const __m512i low23 = _mm512_unpacklo_epi32(r2, r3);
    const __m512i high01 = _mm512_unpackhi_epi32(r0, r1);
    const __m512i high23 = _mm512_unpackhi_epi32(r2, r3);
    block[4 * quarter] = (Wide)_mm512_unpacklo_epi64(low01, low23);
    block[4 * quarter + 1] = (Wide)_mm512_unpackhi_epi64(low01, low23);
    block[4 * quarter + 2] = (Wide)_mm512_unpacklo_epi64(high01, high23);
    block[4 * quarter + 3] = (Wide)_mm512_unpackhi_epi64(high01, high23);
  }
}

}  // namespace

void md5_compress_avx512_one(std::span<const Md5Lane> given, std::size_t count) {
  std::uint32_t* const words = given[0].state;
  const std::byte* at = given[0].blocks;
  md5::State<One> state{One{words[0]}, One{words[1]}, One{words[2]}, One{words[3]}};
  for (; count > 0; --count, at += md5::kBlockBytes) {
    md5::Block<One> block;
    for (std::size_t i = 0; i < block.size(); ++i) {
      int word = 0;
      std::memcpy(&word, at + 4 * i, sizeof word);
      block[i] = (One)_mm_set1_epi32(word);
    }
    md5::compress<ThreeOperands<One>>(state, block);
  }
  words[0] = state.a[0];
  words[1] = state.b[0];
  words[2] = state.c[0];
  words[3] = state.d[0];
}

void md5_compress_avx512(std::span<const Md5Lane> given, std::size_t count) {
  md5::Lanes<Wide> lanes(given);
  for (; count > 0; --count) {
    md5::Block<Wide> block;
    load_block(lanes.at, block);
    md5::compress<ThreeOperands<Wide>>(lanes.state, block);
    lanes.advance();
  }
  lanes.store(given);
}

}  // namespace kelp

#pragma clang attribute pop
#endif
