#include "volume/core/index_snapshot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "base/bytes.h"
#include "base/crc.h"
#include "base/encoding.h"

namespace kelp {
namespace {

using ::testing::HasSubstr;

IndexSnapshotHeader header() {
  IndexSnapshotHeader header{
      .volume = VolumeId{7}, .generation = Generation{3}, .covered_bytes = 1 << 20};
  header.salt.fill(std::byte{0x5a});
  return header;
}

std::vector<IndexEntry> entries() {
  return {{NeedleKey{0}, {4096, 80}},
          {NeedleKey{1}, {4176, 88}},
          {NeedleKey{1000}, {8192, 65'688}},
          {NeedleKey{UINT64_MAX}, {80'000, 72}}};
}

std::string encode() {
  IndexSnapshotWriter writer(header());
  for (const IndexEntry& entry : entries()) writer.add(entry);
  return std::move(writer).finish();
}

/// `bytes` with a checksum that fits again.
std::string reseal(std::string bytes) {
  const std::uint32_t crc = crc32c(as_bytes(bytes).first(bytes.size() - 4));
  std::memcpy(bytes.data() + bytes.size() - 4, &crc, sizeof crc);
  return bytes;
}

TEST(IndexSnapshot, GivesBackWhatItWrote) {
  const auto snapshot = decode_index_snapshot(encode());
  ASSERT_TRUE(snapshot.has_value()) << snapshot.error().message();
  EXPECT_EQ(snapshot->header, header());
  EXPECT_EQ(snapshot->entries, entries());
  const auto empty = decode_index_snapshot(IndexSnapshotWriter(header()).finish());
  ASSERT_TRUE(empty.has_value());
  EXPECT_TRUE(empty->entries.empty());
}

TEST(IndexSnapshot, RefusesEveryTruncationAndFlippedBit) {
  const std::string bytes = encode();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_index_snapshot(bytes.substr(0, size)).has_value());
  }
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string damaged = bytes;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(decode_index_snapshot(damaged).has_value()) << bit;
  }
}

TEST(IndexSnapshot, RefusesNonsenseUnderAGoodChecksum) {
  for (const std::size_t at : {std::size_t{20}, std::size_t{48}, std::size_t{55}}) {
    std::string bytes = encode();
    bytes[at] = static_cast<char>(bytes[at] + 1);
    EXPECT_EQ(decode_index_snapshot(reseal(bytes)).error().code(), Errc::kCorruption) << at;
  }
  std::string no_place = encode();
  std::memset(no_place.data() + 57, 0, 8);
  EXPECT_FALSE(decode_index_snapshot(reseal(no_place)).has_value());
}

TEST(IndexSnapshot, NamesBothVersionsOfANewerOne) {
  std::string bytes = encode();
  bytes[8] = 2;
  const auto newer = decode_index_snapshot(reseal(bytes));
  EXPECT_EQ(newer.error().code(), Errc::kUnimplemented);
  EXPECT_THAT(newer.error().detail(), HasSubstr("version 2, this program knows version 1"));
}

// docs/formats/index.md, version 1: these bytes never change.
TEST(IndexSnapshot, MatchesTheGoldenBytes) {
  std::ifstream file(KELP_SOURCE_DIR "/tests/golden/index_v1.hex");
  std::stringstream text;
  text << file.rdbuf();
  std::string digits;
  for (const char c : text.str()) {
    if (std::isxdigit(static_cast<unsigned char>(c)) != 0) digits += c;
  }
  EXPECT_EQ(hex_encode(encode()), digits);
}

}  // namespace
}  // namespace kelp
