// MD5 of eight streams with AVX2.

#include "crypto/md5_kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include <array>
#include <utility>

#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)

#include "crypto/md5_lanes.h"
#include "crypto/md5_rounds.h"

namespace kelp {
namespace {

constexpr std::size_t kLanes = 8;

typedef std::uint32_t Wide __attribute__((vector_size(32)));

struct Barrier {
  [[gnu::always_inline]] static inline void keep(Wide& word) { asm("" : "+x"(word)); }
};
using Ops = md5::TwoOperands<Wide, Barrier>;

// Two lanes' 16 bytes in the halves of a register, at `offset` of each one's blocks.
[[gnu::always_inline]] inline __m256i load_rows(const std::array<const std::byte*, kLanes>& at,
                                                std::size_t first, std::size_t offset) {
  const auto* const low = reinterpret_cast<const __m128i*>(at[first] + offset);
  const auto* const high = reinterpret_cast<const __m128i*>(at[first + 4] + offset);
  return _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128(low)),
                                 _mm_loadu_si128(high), 1);
}

[[gnu::always_inline]] inline void load_block(const std::array<const std::byte*, kLanes>& at,
                                              md5::Block<Wide>& block) {
  for (std::size_t quarter = 0; quarter < 4; ++quarter) {
    const __m256i r0 = load_rows(at, 0, 16 * quarter);
    const __m256i r1 = load_rows(at, 1, 16 * quarter);
    const __m256i r2 = load_rows(at, 2, 16 * quarter);
    const __m256i r3 = load_rows(at, 3, 16 * quarter);
    const __m256i low01 = _mm256_unpacklo_epi32(r0, r1);
    const __m256i low23 = _mm256_unpacklo_epi32(r2, r3);
    const __m256i high01 = _mm256_unpackhi_epi32(r0, r1);
    const __m256i high23 = _mm256_unpackhi_epi32(r2, r3);
    block[4 * quarter] = (Wide)_mm256_unpacklo_epi64(low01, low23);
    block[4 * quarter + 1] = (Wide)_mm256_unpackhi_epi64(low01, low23);
    block[4 * quarter + 2] = (Wide)_mm256_unpacklo_epi64(high01, high23);
    block[4 * quarter + 3] = (Wide)_mm256_unpackhi_epi64(high01, high23);
  }
}

}  // namespace

void md5_compress_avx2(std::span<const Md5Lane> given, std::size_t count) {
  md5::Lanes<Wide> lanes(given);
  for (; count > 0; --count) {
    md5::Block<Wide> block;
    load_block(lanes.at, block);
    md5::compress<Ops>(lanes.state, block);
    lanes.advance();
  }
  lanes.store(given);
}

}  // namespace kelp

#pragma clang attribute pop
#endif
