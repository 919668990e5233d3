#pragma once

#include <cstdint>

namespace kelp {

// The checksum of two stretches of bytes that follow one another, from the checksums of each:
// combine(crc(a), crc(b), b.size()) == crc(ab), in time logarithmic in the size. `bytes_b` is the
// length of the second stretch. Arithmetic on polynomials over GF(2): moving `crc_a` past n zero
// bytes multiplies it by x^(8n) modulo the polynomial.

/// For crc32().
[[nodiscard]] std::uint32_t crc32_combine(std::uint32_t crc_a, std::uint32_t crc_b,
                                          std::uint64_t bytes_b);
/// For crc32c().
[[nodiscard]] std::uint32_t crc32c_combine(std::uint32_t crc_a, std::uint32_t crc_b,
                                           std::uint64_t bytes_b);
/// For crc64nvme().
[[nodiscard]] std::uint64_t crc64nvme_combine(std::uint64_t crc_a, std::uint64_t crc_b,
                                              std::uint64_t bytes_b);

}  // namespace kelp
