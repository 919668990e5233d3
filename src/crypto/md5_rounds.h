#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

// RFC 1321 section 3.4 over words of one lane (std::uint32_t) or of many (vectors of them). For the
// kernels only, which include this with their own target instructions switched on.

namespace kelp::md5 {

constexpr std::size_t kBlockBytes = 64;

constexpr std::array<std::uint32_t, 64> kSines = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391};
constexpr int kRotations[4][4] = {
    {7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};

/// Which word of the block step `i` takes.
consteval std::size_t word_of(std::size_t i) {
  constexpr std::size_t kFactor[4] = {1, 5, 3, 7};
  constexpr std::size_t kOffset[4] = {0, 1, 5, 0};
  return (kFactor[i / 16] * i + kOffset[i / 16]) % 16;
}

/// The words of one lane or of many.
template <typename Word>
struct State {
  Word a, b, c, d;
};
/// The 16 words of a block.
template <typename Word>
using Block = std::array<Word, 16>;

/// The auxiliary functions F, G, H and I with two operands an instruction. `b` comes last out of
/// the step before, so everything else is done before it; keep() holds the compiler to that order.
/// `Barrier::keep(Word&)` names a register of the word's kind.
template <typename Word, typename Barrier>
struct TwoOperands {
  using W = Word;
  static void keep(Word& word) { Barrier::keep(word); }

  template <std::size_t kRound>
  [[gnu::always_inline]] static inline Word add_mixed(Word sum, Word b, Word c, Word d) {
    if constexpr (kRound == 0) return sum + (d ^ (b & (c ^ d)));
    if constexpr (kRound == 1) {
      sum += c & ~d;  // disjoint from b & d: a sum is as good as their union
      keep(sum);
      return sum + (b & d);
    }
    if constexpr (kRound == 2) {
      Word early = c ^ d;
      keep(early);
      return sum + (early ^ b);
    }
    if constexpr (kRound == 3) return sum + (c ^ (b | ~d));
  }
};

/// a = b + rotate(a + mixed(b, c, d) + word + sine).
template <typename Ops, std::size_t kStep>
[[gnu::always_inline]] inline void step(typename Ops::W& a, typename Ops::W b, typename Ops::W c,
                                        typename Ops::W d, const Block<typename Ops::W>& block) {
  constexpr int kRotation = kRotations[kStep / 16][kStep % 4];
  typename Ops::W sum = a + block[word_of(kStep)] + kSines[kStep];
  Ops::keep(sum);
  sum = Ops::template add_mixed<kStep / 16>(sum, b, c, d);
  a = ((sum << kRotation) | (sum >> (32 - kRotation))) + b;
}

/// Steps kFirst to kFirst + 3: the words change their parts.
template <typename Ops, std::size_t kFirst>
[[gnu::always_inline]] inline void four_steps(State<typename Ops::W>& s,
                                              const Block<typename Ops::W>& block) {
  step<Ops, kFirst>(s.a, s.b, s.c, s.d, block);
  step<Ops, kFirst + 1>(s.d, s.a, s.b, s.c, block);
  step<Ops, kFirst + 2>(s.c, s.d, s.a, s.b, block);
  step<Ops, kFirst + 3>(s.b, s.c, s.d, s.a, block);
}

/// The 64 steps.
template <typename Ops, std::size_t... kFours>
[[gnu::always_inline]] inline void all_steps(State<typename Ops::W>& s,
                                             const Block<typename Ops::W>& block,
                                             std::index_sequence<kFours...> /*unused*/) {
  (four_steps<Ops, 4 * kFours>(s, block), ...);
}

/// Takes one block into the state.
template <typename Ops>
[[gnu::always_inline]] inline void compress(State<typename Ops::W>& state,
                                            const Block<typename Ops::W>& block) {
  State<typename Ops::W> s = state;
  all_steps<Ops>(s, block, std::make_index_sequence<16>());
  state.a += s.a;
  state.b += s.b;
  state.c += s.c;
  state.d += s.d;
}

}  // namespace kelp::md5
