#include <array>

#include "base/crc.h"

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

}  // namespace

std::uint64_t crc64nvme(ByteSpan bytes, std::uint64_t crc) {
  crc = ~crc;
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
  return ~crc;
}

}  // namespace kelp
