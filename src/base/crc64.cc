#include <array>

#include "base/crc.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace kelp {
namespace {

constexpr std::uint64_t kPolynomial =
    0x9a6c9329ac4bc9b5;  // reflected, NVM Express base specification 2.0

using Table = std::array<std::array<std::uint64_t, 256>, 8>;

constexpr Table make_table() {
  Table table{};
  for (std::uint64_t byte = 0; byte < 256; ++byte) {
    std::uint64_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? kPolynomial : 0);
    table[0][byte] = crc;
  }
  for (std::size_t slice = 1; slice < 8; ++slice) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint64_t previous = table[slice - 1][byte];
      table[slice][byte] = table[0][previous & 0xff] ^ (previous >> 8);
    }
  }
  return table;
}
constexpr Table kTable = make_table();

// The register `crc` run over bytes, eight at a time, without the inversions around it.
std::uint64_t run_table(ByteSpan bytes, std::uint64_t crc) {
  while (bytes.size() >= 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data(), 8);
    word ^= crc;
    crc = 0;
    for (std::size_t slice = 0; slice < 8; ++slice)
      crc ^= kTable[7 - slice][word >> (8 * slice) & 0xff];
    bytes = bytes.subspan(8);
  }
  for (const std::byte byte : bytes) {
    crc = kTable[0][(crc ^ static_cast<std::uint64_t>(byte)) & 0xff] ^ (crc >> 8);
  }
  return crc;
}

#if defined(__x86_64__)

// Folding with carry-less multiplication (Gopal et al., "Fast CRC Computation for Generic
// Polynomials Using PCLMULQDQ Instruction", Intel 2009). A block of 128 bits is moved D bits ahead
// by multiplying its halves with x^(D+63) and x^(D-1) modulo the polynomial; one less than the
// distance, since the product of two reflected numbers is reflected one place too far. What is left
// at the end, 16 bytes, has the CRC of all that was folded into it, and goes through the table.

// x^exponent modulo the polynomial, reflected: the bit of x^0 is the highest.
constexpr std::uint64_t power(unsigned exponent) {
  std::uint64_t value = std::uint64_t{1} << 63;
  for (unsigned i = 0; i < exponent; ++i) {
    value = (value >> 1) ^ ((value & 1) != 0 ? kPolynomial : 0);
  }
  return value;
}

struct Fold {
  std::uint64_t low;
  std::uint64_t high;
};
constexpr Fold fold_by(unsigned bits) {
  return {power(bits + 63), power(bits - 1)};
}

constexpr std::size_t kLanes = 8;
constexpr std::size_t kLaneBytes = 16;
constexpr std::size_t kRoundBytes = kLanes * kLaneBytes;
constexpr Fold kByRound = fold_by(8 * kRoundBytes);
constexpr Fold kByLane = fold_by(8 * kLaneBytes);

__attribute__((target("avx,pclmul"))) inline __m128i load(const std::byte* at) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
}

__attribute__((target("avx,pclmul"))) inline __m128i fold(__m128i block, __m128i by, __m128i next) {
  const __m128i low = _mm_clmulepi64_si128(block, by, 0x00);
  const __m128i high = _mm_clmulepi64_si128(block, by, 0x11);
  return _mm_xor_si128(_mm_xor_si128(low, high), next);
}

__attribute__((target("avx,pclmul"))) inline __m128i constants(Fold fold) {
  return _mm_set_epi64x(static_cast<long long>(fold.high), static_cast<long long>(fold.low));
}

// `bytes` holds at least one round. With AVX: ISA-L's CRCs leave the upper halves of the vector
// registers in use, and then SSE instructions take three times as long.
__attribute__((target("avx,pclmul"))) std::uint64_t run_pclmul(ByteSpan bytes, std::uint64_t crc) {
  const std::byte* at = bytes.data();
  std::size_t left = bytes.size();
  __m128i lanes[kLanes];
  for (std::size_t i = 0; i < kLanes; ++i) lanes[i] = load(at + i * kLaneBytes);
  lanes[0] = _mm_xor_si128(lanes[0], _mm_cvtsi64_si128(static_cast<long long>(crc)));
  at += kRoundBytes;
  left -= kRoundBytes;

  const __m128i by_round = constants(kByRound);
  for (; left >= kRoundBytes; at += kRoundBytes, left -= kRoundBytes) {
    for (std::size_t i = 0; i < kLanes; ++i) {
      lanes[i] = fold(lanes[i], by_round, load(at + i * kLaneBytes));
    }
  }
  const __m128i by_lane = constants(kByLane);
  __m128i block = lanes[0];
  for (std::size_t i = 1; i < kLanes; ++i) block = fold(block, by_lane, lanes[i]);
  for (; left >= kLaneBytes; at += kLaneBytes, left -= kLaneBytes) {
    block = fold(block, by_lane, load(at));
  }
  std::array<std::byte, kLaneBytes> rest;
  _mm_storeu_si128(reinterpret_cast<__m128i*>(rest.data()), block);
  return run_table({at, left}, run_table(rest, 0));
}

const bool kHasPclmul = __builtin_cpu_supports("pclmul") != 0 && __builtin_cpu_supports("avx") != 0;

#endif

}  // namespace

std::uint64_t crc64nvme_portable(ByteSpan bytes, std::uint64_t crc) {
  return ~run_table(bytes, ~crc);
}

std::uint64_t crc64nvme(ByteSpan bytes, std::uint64_t crc) {
#if defined(__x86_64__)
  if (kHasPclmul && bytes.size() >= kRoundBytes) return ~run_pclmul(bytes, ~crc);
#endif
  return crc64nvme_portable(bytes, crc);
}

}  // namespace kelp
