#include "volume/core/index_snapshot.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

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
  return encode_index_snapshot(header(), entries());
}

/// `bytes` with checksums that fit again, of its whole blocks.
std::string reseal(std::string bytes) {
  for (std::size_t at = 0; at + kIndexBlockBytes <= bytes.size(); at += kIndexBlockBytes) {
    const std::uint32_t crc = crc32c(as_bytes(bytes).subspan(at, kIndexBlockBytes - 4));
    std::memcpy(bytes.data() + at + kIndexBlockBytes - 4, &crc, sizeof crc);
  }
  return bytes;
}

TEST(IndexSnapshot, GivesBackWhatItWrote) {
  const auto snapshot = decode_index_snapshot(encode());
  ASSERT_TRUE(snapshot.has_value()) << snapshot.error().message();
  IndexSnapshotHeader written = header();
  written.needles = 4;
  written.live_bytes = 80 + 88 + 65'688 + 72;
  written.log_bytes = 80'072;
  written.last_key = UINT64_MAX;
  written.blocks = 2;  // the last key is too far from the others
  EXPECT_EQ(snapshot->header, written);
  EXPECT_EQ(snapshot->entries, entries());
  const auto empty = decode_index_snapshot(encode_index_snapshot(header(), {}));
  ASSERT_TRUE(empty.has_value());
  EXPECT_TRUE(empty->entries.empty());
}

TEST(IndexSnapshot, HasAsManyNeedlesAsThereAre) {
  for (const std::size_t count : {1U, 339U, 340U, 341U, 680U, 100'000U}) {
    std::vector<IndexEntry> many;
    for (std::uint64_t i = 0; i < count; ++i) many.push_back({NeedleKey{i * 3}, {4096 + 8 * i, 8}});
    const std::string bytes = encode_index_snapshot(header(), many);
    const auto snapshot = decode_index_snapshot(bytes);
    ASSERT_TRUE(snapshot.has_value()) << snapshot.error().message();
    EXPECT_EQ(snapshot->entries, many);
    EXPECT_EQ(bytes.size(), snapshot->header.file_bytes());
  }
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
  constexpr std::size_t kFirst = kIndexBlockBytes;
  const std::size_t places[] = {20, 48, 56, 72, 80, kFirst, kFirst + 8, kFirst + 12};
  for (const std::size_t at : places) {
    std::string bytes = encode();
    bytes[at] = static_cast<char>(bytes[at] + 1);
    EXPECT_EQ(decode_index_snapshot(reseal(bytes)).error().code(), Errc::kCorruption) << at;
  }
  std::string no_place = encode();
  std::memset(no_place.data() + kFirst + 16, 0, 8);
  EXPECT_FALSE(decode_index_snapshot(reseal(no_place)).has_value());
}

TEST(IndexSnapshot, NamesBothVersionsOfAnother) {
  for (const char version : {char{1}, char{3}}) {
    std::string bytes = encode();
    bytes[8] = version;
    const auto other = decode_index_snapshot(reseal(bytes));
    EXPECT_EQ(other.error().code(), Errc::kUnimplemented);
    EXPECT_THAT(other.error().detail(), HasSubstr("this program knows version 2"));
  }
}

/// Hex digits, with "[n]" in the place of n zeros, where there are 16 and more.
std::string squeezed(std::string_view bytes) {
  std::string out;
  while (!bytes.empty()) {
    const std::size_t zeros = std::min(bytes.find_first_not_of('\0'), bytes.size());
    const std::size_t taken = zeros >= 16 ? zeros : 1;
    out += zeros >= 16 ? fmt::format("[{}]", zeros) : hex_encode(bytes.substr(0, 1));
    bytes.remove_prefix(taken);
  }
  return out;
}

// docs/formats/index.md, version 2: these bytes never change.
TEST(IndexSnapshot, MatchesTheGoldenBytes) {
  std::ifstream file(KELP_SOURCE_DIR "/tests/golden/index_v2.hex");
  std::string line;
  std::getline(file, line);
  EXPECT_EQ(squeezed(encode()), line);
}

}  // namespace
}  // namespace kelp
