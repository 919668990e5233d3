#include "volume/core/superblock.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "base/crc.h"
#include "base/encoding.h"

namespace kelp {
namespace {

using ::testing::HasSubstr;

Superblock example() {
  Superblock superblock{.volume = VolumeId{7},
                        .generation = Generation{3},
                        .created_ns = 1'700'000'000'000'000'000,
                        .collection = "photos"};
  superblock.cluster_id = *parse_uuid("00112233-4455-6677-8899-aabbccddeeff");
  superblock.salt.fill(std::byte{0x5a});
  return superblock;
}

TEST(Superblock, GivesBackWhatItWrote) {
  const std::string bytes = encode_superblock(example());
  ASSERT_EQ(bytes.size(), kSuperblockBytes);
  EXPECT_EQ(*decode_superblock(as_bytes(bytes)), example());
  Superblock longest = example();
  longest.collection = std::string(kMaxCollectionBytes, 'x');
  EXPECT_EQ(*decode_superblock(as_bytes(encode_superblock(longest))), longest);
}

TEST(Superblock, RefusesEveryFlippedByteAndTruncation) {
  const std::string bytes = encode_superblock(example());
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::string damaged = bytes;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x10);
    EXPECT_EQ(decode_superblock(as_bytes(damaged)).error().code(), Errc::kCorruption) << i;
  }
  for (std::size_t size = 0; size < bytes.size(); size += 61) {
    EXPECT_FALSE(decode_superblock(as_bytes(bytes).first(size)).has_value());
  }
}

TEST(Superblock, NamesBothVersionsOfANewerVolume) {
  std::string bytes = encode_superblock(example());
  bytes[8] = 4;
  const std::uint32_t crc = crc32c(as_bytes(bytes).first(4092));
  std::memcpy(bytes.data() + 4092, &crc, sizeof crc);
  const auto newer = decode_superblock(as_bytes(bytes));
  EXPECT_EQ(newer.error().code(), Errc::kUnimplemented);
  EXPECT_THAT(newer.error().detail(), HasSubstr("version 4, this program knows version 1"));
}

TEST(Superblock, ReadsAndWritesUuids) {
  const std::string text = "00112233-4455-6677-8899-aabbccddeeff";
  EXPECT_EQ(to_string(*parse_uuid(text)), text);
  EXPECT_TRUE(parse_uuid("00112233-4455-6677-8899-AABBCCDDEEFF").has_value());
  for (const char* wrong :
       {"", "00112233-4455-6677-8899-aabbccddeef", "00112233-4455-6677-8899-aabbccddeeff0",
        "0011223304455-6677-8899-aabbccddeeff", "00112233-4455-6677-8899-aabbccddeefg",
        "001122334-455-6677-8899-aabbccddeeff"}) {
    EXPECT_FALSE(parse_uuid(wrong).has_value()) << wrong;
  }
}

// docs/formats/volume.md, version 1: these bytes never change. The zeros in the middle are left
// out.
TEST(Superblock, MatchesTheGoldenBytes) {
  std::ifstream file(KELP_SOURCE_DIR "/tests/golden/superblock_v1.hex");
  std::stringstream text;
  text << file.rdbuf();
  std::string digits;
  for (const char c : text.str()) {
    if (std::isxdigit(static_cast<unsigned char>(c)) != 0) digits += c;
  }
  const std::string bytes = encode_superblock(example());
  EXPECT_EQ(hex_encode(bytes.substr(0, 80) + bytes.substr(4092)), digits);
}

}  // namespace
}  // namespace kelp
