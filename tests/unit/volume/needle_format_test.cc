#include "volume/core/needle_format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "base/crc.h"
#include "base/encoding.h"
#include "base/rng.h"

namespace kelp {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr std::uint64_t kOffset = 4096;

NeedleSeed seed() {
  return NeedleSeed(as_bytes("0123456789abcdef"));
}

NeedleHeader header(std::uint64_t body_bytes) {
  return {.key = NeedleKey{0x0123456789abcdefULL},
          .cookie = Cookie{0xdeadbeef},
          .body_bytes = body_bytes,
          .created_ns = 1'700'000'000'000'000'000,
          .bucket = BucketId{42}};
}

std::string body_of(std::size_t size) {
  Rng rng(size);
  std::string body(size, '\0');
  for (char& c : body) c = static_cast<char>(rng.next());
  return body;
}

std::string small_needle() {
  return encode_needle(header(5), "photos/cat.jpg", as_bytes("hello"), seed().at(kOffset));
}

TEST(NeedleFormat, GivesBackWhatItWrote) {
  for (const std::size_t size : {1U, 7U, 8U, 4096U, 65'535U, 65'536U, 65'537U, 200'000U}) {
    const std::string body = body_of(size);
    const std::string image =
        encode_needle(header(size), "a/key", as_bytes(body), seed().at(kOffset));
    EXPECT_EQ(image.size() % 8, 0U);
    EXPECT_EQ(image.size(), layout_of(size, 5).total_bytes);
    const auto needle = decode_needle(as_bytes(image), seed().at(kOffset));
    ASSERT_TRUE(needle.has_value()) << needle.error().message();
    EXPECT_EQ(needle->header.key, header(size).key);
    EXPECT_EQ(needle->header.cookie, header(size).cookie);
    EXPECT_EQ(needle->header.bucket, BucketId{42});
    EXPECT_EQ(needle->header.created_ns, header(size).created_ns);
    EXPECT_EQ(needle->back_pointer, "a/key");
    EXPECT_EQ(as_text(needle->body), body);
  }
}

TEST(NeedleFormat, ATombstoneHasNoBody) {
  NeedleHeader tombstone = header(0);
  tombstone.tombstone = true;
  const std::string image = encode_needle(tombstone, "", {}, seed().at(kOffset));
  EXPECT_EQ(image.size(), 72U);
  const auto needle = decode_needle(as_bytes(image), seed().at(kOffset));
  ASSERT_TRUE(needle.has_value());
  EXPECT_TRUE(needle->header.tombstone);
}

TEST(NeedleFormat, RefusesEveryTruncation) {
  const std::string image = small_needle();
  for (std::size_t size = 0; size < image.size(); ++size) {
    const auto needle = decode_needle(as_bytes(image).first(size), seed().at(kOffset));
    ASSERT_FALSE(needle.has_value()) << size;
    EXPECT_EQ(needle.error().code(), Errc::kCorruption);
  }
}

TEST(NeedleFormat, RefusesEveryFlippedBit) {
  const std::string image = small_needle();
  for (std::size_t bit = 0; bit < image.size() * 8; ++bit) {
    std::string damaged = image;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(decode_needle(as_bytes(damaged), seed().at(kOffset)).has_value()) << bit;
  }
}

TEST(NeedleFormat, IsNoNeedleAtAnotherPlaceOrInAnotherVolume) {
  const std::string image = small_needle();
  EXPECT_TRUE(decode_needle_header(as_bytes(image), seed().at(kOffset)).has_value());
  EXPECT_FALSE(decode_needle_header(as_bytes(image), seed().at(kOffset + 8)).has_value());
  const NeedleSeed other(as_bytes("0123456789abcdeF"));
  EXPECT_FALSE(decode_needle_header(as_bytes(image), other.at(kOffset)).has_value());
}

TEST(NeedleFormat, NamesBothVersionsOfANewerNeedle) {
  std::string image = small_needle();
  image[4] = 9;
  const std::uint32_t crc = crc32c(as_bytes(image).first(60), seed().at(kOffset));
  std::memcpy(image.data() + 60, &crc, sizeof crc);
  const auto newer = decode_needle_header(as_bytes(image), seed().at(kOffset));
  ASSERT_FALSE(newer.has_value());
  EXPECT_EQ(newer.error().code(), Errc::kUnimplemented);
  EXPECT_THAT(newer.error().detail(), AllOf(HasSubstr("9"), HasSubstr("1")));
}

TEST(NeedleFormat, RefusesFieldsOutOfRangeEvenUnderAGoodChecksum) {
  struct Change {
    std::size_t at;
    unsigned char value;
  };
  // unknown flag, tombstone with a body, back pointer over 1,024, body over 64 MiB, reserved byte
  for (const Change change : {Change{5, 2}, Change{5, 1}, Change{7, 5}, Change{19, 5},
                              Change{23, 1}, Change{44, 1}, Change{59, 1}}) {
    std::string image = small_needle();
    image[change.at] = static_cast<char>(change.value);
    const std::uint32_t crc = crc32c(as_bytes(image).first(60), seed().at(kOffset));
    std::memcpy(image.data() + 60, &crc, sizeof crc);
    const auto decoded = decode_needle_header(as_bytes(image), seed().at(kOffset));
    ASSERT_FALSE(decoded.has_value()) << change.at;
    EXPECT_EQ(decoded.error().code(), Errc::kCorruption) << change.at;
  }
}

TEST(NeedleFormat, ChecksumsAreTheSameForPiecesOfAnySize) {
  const std::string body = body_of(300'000);
  BlockChecksums whole;
  whole.update(as_bytes(body));
  const auto expected = std::move(whole).finish();
  EXPECT_EQ(expected.size(), block_count(body.size()));
  Rng rng(3);
  for (int round = 0; round < 20; ++round) {
    BlockChecksums pieces;
    std::string_view rest = body;
    while (!rest.empty()) {
      const auto piece = rest.substr(0, 1 + rng.below(100'000));
      pieces.update(as_bytes(piece));
      rest.remove_prefix(piece.size());
    }
    EXPECT_EQ(std::move(pieces).finish(), expected);
  }
  const ByteSpan table = std::as_bytes(std::span(expected));
  EXPECT_TRUE(blocks_match(as_bytes(body), 0, table));
  EXPECT_TRUE(blocks_match(as_bytes(body).subspan(65'536), 1, table));
  EXPECT_TRUE(blocks_match(as_bytes(body).subspan(65'536, 65'536), 1, table));
  EXPECT_FALSE(blocks_match(as_bytes(body).subspan(65'536, 65'535), 1, table));
  EXPECT_FALSE(blocks_match(as_bytes(body), 1, table));
  EXPECT_FALSE(blocks_match(as_bytes(body), 0, table.first(8)));
}

/// Shard 2 of ec(4,2) of a body of 5 cells and a bit.
NeedleHeader shard_header() {
  NeedleHeader shard = header(kEcCellBytes);
  shard.part = StripePart{
      .scheme = {.data = 4, .parity = 2}, .shard = 2, .body_bytes = 5 * kEcCellBytes + 9};
  return shard;
}

TEST(NeedleFormat, KeepsWhichShardOfWhatANeedleIs) {
  const std::string body = body_of(kEcCellBytes);
  const std::string image =
      encode_needle(shard_header(), "a/key", as_bytes(body), seed().at(kOffset));
  const auto needle = decode_needle(as_bytes(image), seed().at(kOffset));
  ASSERT_TRUE(needle.has_value()) << needle.error().message();
  EXPECT_EQ(needle->header.part, shard_header().part);
  EXPECT_EQ(as_text(needle->body), body);
  EXPECT_EQ(decode_needle(as_bytes(small_needle()), seed().at(kOffset))->header.part, std::nullopt);
}

TEST(NeedleFormat, RefusesShardsThatCannotBe) {
  const auto refused = [](std::size_t at, char value) {
    std::string bytes(kNeedleHeaderBytes, '\0');
    encode_needle_header(shard_header(), seed().at(kOffset),
                         std::as_writable_bytes(std::span(bytes)));
    bytes[at] = value;
    const std::uint32_t crc = crc32c(as_bytes(bytes).first(60), seed().at(kOffset));
    std::memcpy(bytes.data() + 60, &crc, sizeof crc);
    const auto read = decode_needle_header(as_bytes(bytes), seed().at(kOffset));
    return !read.has_value() && read.error().code() == Errc::kCorruption;
  };
  EXPECT_FALSE(refused(44, 4)) << "as it is";
  EXPECT_TRUE(refused(44, 1)) << "one data shard";
  EXPECT_TRUE(refused(44, 31)) << "33 in all";
  EXPECT_TRUE(refused(45, 0)) << "no parity";
  EXPECT_TRUE(refused(46, 6)) << "shard 6 of 6";
  EXPECT_TRUE(refused(46, 1)) << "shard 1 is longer";
  EXPECT_TRUE(refused(47, 1)) << "reserved";
  EXPECT_TRUE(refused(52, 1)) << "a body past 4 GiB";
  EXPECT_TRUE(refused(56, 1)) << "reserved";
  EXPECT_TRUE(refused(5, 1)) << "a tombstone is no shard";
  EXPECT_TRUE(refused(4, 1)) << "in version 1 these bytes are zero";
}

std::string golden_digits(const std::string& name) {
  std::ifstream file(std::string(KELP_SOURCE_DIR "/tests/golden/") + name);
  std::stringstream text;
  text << file.rdbuf();
  std::string digits;
  for (const char c : text.str()) {
    if (std::isxdigit(static_cast<unsigned char>(c)) != 0) digits += c;
  }
  return digits;
}

/// "hello" as shard 3 of ec(2,2).
NeedleHeader small_shard_header() {
  NeedleHeader shard = header(5);
  shard.part = StripePart{.scheme = {.data = 2, .parity = 2}, .shard = 3, .body_bytes = 5};
  return shard;
}

/// Of byte 8 MiB of part 3 of an upload to the bucket "pictures".
NeedleOrigin origin_of_part() {
  return {.bucket = "pictures",
          .body = NeedleKey{0x1723456789abcdefULL},
          .offset = 8 << 20,
          .total_bytes = (8 << 20) + 5,
          .upload_id = "00000000000000a1",
          .part_number = 3};
}
std::string needle_with_origin() {
  NeedleHeader named = header(5);
  named.has_origin = true;
  const std::string origin = encode_origin(origin_of_part());
  return encode_needle(named, encode_back_pointer({.origin = origin, .key = "photos/cat.jpg"}),
                       as_bytes("hello"), seed().at(kOffset));
}

TEST(NeedleFormat, KeepsItsOrigin) {
  const std::string image = needle_with_origin();
  const auto needle = decode_needle(as_bytes(image), seed().at(kOffset));
  ASSERT_TRUE(needle.has_value()) << needle.error().message();
  EXPECT_TRUE(needle->header.has_origin);
  const auto pointer = split_back_pointer(needle->header, needle->back_pointer);
  ASSERT_TRUE(pointer.has_value());
  EXPECT_EQ(pointer->key, "photos/cat.jpg");
  EXPECT_EQ(decode_origin(pointer->origin).value(), origin_of_part());
  // It stays where the needle is copied to, and one without it gets none.
  std::string moved = image;
  reseal_needle(needle->header, std::as_writable_bytes(std::span(moved)), kImageSeed);
  EXPECT_EQ(decode_needle(as_bytes(moved), kImageSeed)->header, needle->header);
  const auto plain = decode_needle(as_bytes(small_needle()), seed().at(kOffset));
  EXPECT_FALSE(plain->header.has_origin);
  EXPECT_EQ(split_back_pointer(plain->header, plain->back_pointer)->key, "photos/cat.jpg");
  EXPECT_EQ(split_back_pointer(plain->header, plain->back_pointer)->origin, "");
}

TEST(NeedleFormat, RefusesOriginsThatCannotBe) {
  NeedleHeader named = header(5);
  named.has_origin = true;
  for (const std::string& bytes : {std::string(), std::string(1, '\0'),
                                   std::string("\x05"
                                               "abcd")}) {
    EXPECT_EQ(split_back_pointer(named, bytes).error().code(), Errc::kCorruption);
  }
  const std::string origin = encode_origin(origin_of_part());
  for (std::size_t cut = 0; cut < origin.size(); ++cut) {
    EXPECT_EQ(decode_origin(origin.substr(0, cut)).error().code(), Errc::kCorruption) << cut;
  }
  EXPECT_EQ(decode_origin(origin + "x").error().code(), Errc::kCorruption);
  std::string newer = origin;
  newer[0] = 2;
  EXPECT_THAT(decode_origin(newer).error().detail(), HasSubstr("version 2, this program knows"));
  newer[0] = 0;
  EXPECT_EQ(decode_origin(newer).error().code(), Errc::kCorruption);
  NeedleOrigin long_name = origin_of_part();
  long_name.bucket = std::string(300, 'b');
  EXPECT_EQ(encode_origin(long_name), "") << "then there is none";
  // A tombstone has none.
  std::string image = needle_with_origin();
  image[5] = 1;
  std::fill_n(image.begin() + 16, 8, '\0');
  const std::uint32_t crc = crc32c(as_bytes(image).first(60), seed().at(kOffset));
  std::memcpy(image.data() + 60, &crc, sizeof crc);
  EXPECT_EQ(decode_needle_header(as_bytes(image), seed().at(kOffset)).error().code(),
            Errc::kCorruption);
}

// docs/formats/needle.md: these bytes never change.
TEST(NeedleFormat, MatchesTheGoldenBytes) {
  EXPECT_EQ(hex_encode(needle_with_origin()), golden_digits("needle_v4.hex"));
  EXPECT_EQ(hex_encode(small_needle()), golden_digits("needle_v3.hex"));
  const std::string image =
      encode_needle(small_shard_header(), "photos/cat.jpg", as_bytes("hello"), seed().at(kOffset));
  EXPECT_EQ(hex_encode(image), golden_digits("needle_v3_shard.hex"));
}

TEST(NeedleFormat, ReadsNeedlesOfOlderVersionsAndMovesThemToThisOne) {
  for (const bool is_shard : {false, true}) {
    const auto image = hex_decode(golden_digits(is_shard ? "needle_v2.hex" : "needle_v1.hex"));
    const auto needle = decode_needle(as_bytes(*image), seed().at(kOffset));
    ASSERT_TRUE(needle.has_value()) << needle.error().message();
    NeedleHeader expected = is_shard ? small_shard_header() : header(5);
    expected.back_pointer_bytes = 14;
    EXPECT_EQ(needle->header, expected);
    EXPECT_EQ(needle->back_pointer, "photos/cat.jpg");
    EXPECT_EQ(as_text(needle->body), "hello");
    std::string moved = *image;
    reseal_needle(needle->header, std::as_writable_bytes(std::span(moved)), seed().at(kOffset));
    EXPECT_EQ(hex_encode(moved), golden_digits(is_shard ? "needle_v3_shard.hex" : "needle_v3.hex"));
  }
}

// A CRC over bytes and their own CRC would be the same for all of them.
TEST(NeedleFormat, RefusesTheTrailerOfAnotherNeedle) {
  NeedleHeader other = header(5);
  other.cookie = Cookie{1};
  const std::string mine = small_needle();
  const std::string its =
      encode_needle(other, "photos/cat.jpg", as_bytes("hello"), seed().at(kOffset));
  const std::size_t trailer = layout_of(5, 14).trailer_offset;
  const std::string mixed = mine.substr(0, trailer) + its.substr(trailer);
  EXPECT_TRUE(decode_needle_header(as_bytes(mixed), seed().at(kOffset)).has_value());
  const auto refused = decode_needle(as_bytes(mixed), seed().at(kOffset));
  ASSERT_FALSE(refused.has_value());
  EXPECT_THAT(refused.error().detail(), HasSubstr("trailer"));
}

TEST(NeedleFormat, DescribesANeedleWithoutItsBody) {
  const std::string body = body_of(200'000);
  const std::string image =
      encode_needle(header(body.size()), "a/key", as_bytes(body), seed().at(kOffset));
  const NeedleLayout layout = layout_of(body.size(), 5);
  std::string frame = image.substr(0, layout.body_offset) +
                      image.substr(layout.trailer_offset, layout.trailer_bytes);
  const auto read = decode_needle_frame(as_bytes(frame), seed().at(kOffset));
  ASSERT_TRUE(read.has_value()) << read.error().message();
  EXPECT_EQ(read->header, decode_needle(as_bytes(image), seed().at(kOffset))->header);
  EXPECT_EQ(read->back_pointer, "a/key");
  EXPECT_TRUE(blocks_match(as_bytes(body), 0, as_bytes(read->table)));
  EXPECT_EQ(encode_needle_frame(*read, seed().at(kOffset)), frame);
  for (std::size_t size = 0; size < frame.size(); ++size) {
    EXPECT_FALSE(decode_needle_frame(as_bytes(frame).first(size), seed().at(kOffset)).has_value());
  }
  for (std::size_t bit = 0; bit < frame.size() * 8; ++bit) {
    frame[bit / 8] = static_cast<char>(frame[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(decode_needle_frame(as_bytes(frame), seed().at(kOffset)).has_value()) << bit;
    frame[bit / 8] = static_cast<char>(frame[bit / 8] ^ (1 << (bit % 8)));
  }
}

}  // namespace
}  // namespace kelp
