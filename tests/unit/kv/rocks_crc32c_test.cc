#include "kv/rocks_crc32c.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

// RocksDB's names, which Kelp defines in its place.
namespace rocksdb::crc32c {
std::uint32_t Extend(std::uint32_t crc, const char* data, std::size_t size);
std::uint32_t Crc32cCombine(std::uint32_t crc1, std::uint32_t crc2, std::size_t size2);
std::string IsFastCrc32Supported();
}  // namespace rocksdb::crc32c

namespace kelp {
namespace {

std::uint32_t crc(std::string_view text) {
  return rocksdb::crc32c::Extend(0, text.data(), text.size());
}

TEST(RocksCrc32c, OursIsLinked) {
  use_own_crc32c_in_rocksdb();
  EXPECT_NE(rocksdb::crc32c::IsFastCrc32Supported().find("Kelp"), std::string::npos);
}

TEST(RocksCrc32c, GivesTheCheckValueAndContinues) {
  EXPECT_EQ(crc("123456789"), 0xe3069283U);
  EXPECT_EQ(rocksdb::crc32c::Extend(crc("1234"), "56789", 5), 0xe3069283U);
  EXPECT_EQ(crc(std::string(32, '\0')), 0x8a9136aaU);  // RFC 3720 B.4.
}

TEST(RocksCrc32c, CombinesLikeOneRun) {
  const std::string front = "front";
  for (const std::size_t size : {0UL, 1UL, 9UL, 4095UL, 4096UL, 10'000UL}) {
    const std::string back(size, 'b');
    EXPECT_EQ(rocksdb::crc32c::Crc32cCombine(crc(front), crc(back), size), crc(front + back));
  }
}

}  // namespace
}  // namespace kelp
