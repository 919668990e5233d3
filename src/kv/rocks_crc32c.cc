// Replaces RocksDB's CRC-32C by ours: Debian builds RocksDB for machines without SSE 4.2, whose
// table-driven checksum was 17 % of the CPU time of a synced put. Same polynomial, same results.
// This file defines every symbol of RocksDB's crc32c.cc, so that the linker leaves that one out; a
// RocksDB that has more of them fails to link (duplicate symbols) instead of mixing the two.
#include "kv/rocks_crc32c.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>

#include "base/crc.h"

namespace rocksdb::crc32c {

// Declared in RocksDB's own util/crc32c.h, which is not installed.
// NOLINTBEGIN(readability-identifier-naming): the names are RocksDB's.
std::uint32_t Extend(std::uint32_t crc, const char* data, std::size_t size);
std::uint32_t Crc32cCombine(std::uint32_t crc1, std::uint32_t crc2, std::size_t size2);
std::string IsFastCrc32Supported();
// NOLINTEND(readability-identifier-naming)

std::uint32_t Extend(std::uint32_t crc, const char* data, std::size_t size) {
  return kelp::crc32c(kelp::as_bytes({data, size}), crc);
}

// The checksum is linear: moving crc1 over size2 bytes is what crc1 changes about so many zeros.
std::uint32_t Crc32cCombine(std::uint32_t crc1, std::uint32_t crc2, std::size_t size2) {
  static constexpr std::array<char, 4096> kZeros{};
  std::uint32_t with = crc1;
  std::uint32_t without = 0;
  while (size2 > 0) {
    const std::size_t step = std::min(size2, kZeros.size());
    with = Extend(with, kZeros.data(), step);
    without = Extend(without, kZeros.data(), step);
    size2 -= step;
  }
  return with ^ without ^ crc2;
}

std::string IsFastCrc32Supported() {
  return "Supported on any: Kelp's";
}

}  // namespace rocksdb::crc32c

namespace kelp {

void use_own_crc32c_in_rocksdb() {}

}  // namespace kelp
