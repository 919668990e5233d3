#include "base/crc_combine.h"

#include <concepts>

namespace kelp {
namespace {

/// Polynomials in reflected form: the top bit is the coefficient of x^0.
template <std::unsigned_integral T>
constexpr T kOne = T{1} << (sizeof(T) * 8 - 1);

/// a * b modulo the reflected `polynomial`.
template <std::unsigned_integral T>
T multiply(T a, T b, T polynomial) {
  T product = 0;
  for (T bit = kOne<T>; bit != 0 && (a & (bit | (bit - 1))) != 0; bit >>= 1) {
    if ((a & bit) != 0) product ^= b;
    b = (b & 1) != 0 ? (b >> 1) ^ polynomial : b >> 1;
  }
  return product;
}

template <std::unsigned_integral T>
T combine(T crc_a, T crc_b, std::uint64_t bytes_b, T polynomial) {
  T power = kOne<T> >> 8;  // x^8: one byte
  for (; bytes_b != 0; bytes_b >>= 1) {
    if ((bytes_b & 1) != 0) crc_a = multiply(power, crc_a, polynomial);
    power = multiply(power, power, polynomial);
  }
  return crc_a ^ crc_b;
}

}  // namespace

std::uint32_t crc32_combine(std::uint32_t crc_a, std::uint32_t crc_b, std::uint64_t bytes_b) {
  return combine<std::uint32_t>(crc_a, crc_b, bytes_b, 0xedb88320U);
}

std::uint32_t crc32c_combine(std::uint32_t crc_a, std::uint32_t crc_b, std::uint64_t bytes_b) {
  return combine<std::uint32_t>(crc_a, crc_b, bytes_b, 0x82f63b78U);
}

std::uint64_t crc64nvme_combine(std::uint64_t crc_a, std::uint64_t crc_b, std::uint64_t bytes_b) {
  return combine<std::uint64_t>(crc_a, crc_b, bytes_b, 0x9a6c9329ac4bc9b5ULL);
}

}  // namespace kelp
