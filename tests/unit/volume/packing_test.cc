// Small needles in extents: volume/core/packing.h.
#include "volume/core/packing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/crc.h"
#include "base/encoding.h"
#include "ec/reed_solomon.h"
#include "tests/support/golden.h"

namespace kelp {
namespace {

using testing::HasSubstr;

constexpr EcScheme kTwoTwo{.data = 2, .parity = 2};
constexpr EcScheme kFourTwo{.data = 4, .parity = 2};

std::string body_of(std::uint64_t key, std::size_t size) {
  std::string body(size, '\0');
  for (std::size_t i = 0; i < size; ++i) body[i] = static_cast<char>(key * 31 + i * 7 + i / 251);
  return body;
}

std::string image_of(std::uint64_t key, std::string_view body, std::string_view origin = {}) {
  const NeedleHeader header{.key = NeedleKey{key},
                            .cookie = Cookie{static_cast<std::uint32_t>(key * 7919)},
                            .created_ns = 1'700'000'000'000'000'000,
                            .bucket = BucketId{3},
                            .has_origin = !origin.empty()};
  const std::string pointer =
      encode_back_pointer({.origin = origin, .key = "photos/" + std::to_string(key)});
  return encode_needle(header, pointer, as_bytes(body), kImageSeed);
}

/// The body that the data shards of an extent make.
std::string join(EcScheme scheme, const PackedExtent& extent) {
  std::vector<WholeNeedle> shards;
  for (const std::string& image : extent.shards) {
    shards.push_back(*decode_needle(as_bytes(image), kImageSeed));
  }
  const std::uint64_t bytes = shards[0].header.part->body_bytes;
  std::string body;
  for (const CellPiece& piece : cut_into_cells(scheme, 0, bytes)) {
    body += as_text(shards[piece.shard].body.subspan(piece.shard_offset, piece.bytes));
  }
  return body;
}

std::vector<WholeNeedle> stubs_of(const PackedExtent& extent) {
  std::vector<WholeNeedle> stubs;
  ByteSpan rest = as_bytes(extent.stubs);
  while (!rest.empty()) {
    stubs.push_back(*decode_needle(rest, kImageSeed));
    rest = rest.subspan(layout_of(stubs.back().header).total_bytes);
  }
  return stubs;
}

class Packing : public testing::TestWithParam<EcScheme> {};
INSTANTIATE_TEST_SUITE_P(Schemes, Packing,
                         testing::Values(EcScheme{2, 1}, kTwoTwo, kFourTwo, EcScheme{8, 4}));

TEST_P(Packing, KeepsEveryNeedleWholeAndSaysWhereItsBodyLies) {
  std::string images;
  const std::vector<std::size_t> sizes = {1, 7, 4096, 65'536, 65'537, 300'000, 1'000'000, 3};
  for (std::uint64_t key = 1; key <= sizes.size(); ++key) {
    images += image_of(key * 10, body_of(key, sizes[key - 1]), key % 2 == 0 ? "origin" : "");
  }
  const auto extent = pack_extent(GetParam(), images);
  ASSERT_TRUE(extent.has_value()) << extent.error().message();
  EXPECT_EQ(extent->key.value, kExtentBit | 10);
  EXPECT_EQ(extent->last, NeedleKey{80});
  ASSERT_EQ(extent->shards.size(), GetParam().shards());
  EXPECT_TRUE(join(GetParam(), *extent) == images);
  const auto stubs = stubs_of(*extent);
  ASSERT_EQ(stubs.size(), sizes.size());
  for (std::uint64_t key = 1; key <= sizes.size(); ++key) {
    const WholeNeedle& stub = stubs[key - 1];
    const std::string body = body_of(key, sizes[key - 1]);
    EXPECT_EQ(stub.header.key, NeedleKey{key * 10});
    EXPECT_EQ(stub.header.cookie.value, key * 10 * 7919);
    EXPECT_EQ(stub.header.packed_bytes, body.size());
    EXPECT_EQ(split_back_pointer(stub.header, stub.back_pointer)->key,
              "photos/" + std::to_string(key * 10));
    EXPECT_EQ(split_back_pointer(stub.header, stub.back_pointer)->origin,
              key % 2 == 0 ? "origin" : "");
    const auto place = decode_stub(stub.header, stub.body);
    ASSERT_TRUE(place.has_value()) << place.error().message();
    EXPECT_EQ(place->extent, extent->key);
    EXPECT_TRUE(images.substr(place->offset, place->body_bytes) == body);
    EXPECT_TRUE(packed_matches(*place, 0, as_bytes(body)));
  }
}

TEST_P(Packing, MakesShardsOfWhichAnyKGiveTheOthers) {
  const std::string images = image_of(5, body_of(5, 500'000)) + image_of(6, body_of(6, 1));
  const auto extent = pack_extent(GetParam(), images);
  ASSERT_TRUE(extent.has_value());
  const EcScheme scheme = GetParam();
  const std::uint64_t longest = shard_bytes(scheme, 0, images.size());
  std::vector<std::string> padded;
  for (std::uint32_t i = 0; i < scheme.shards(); ++i) {
    const auto shard = decode_needle(as_bytes(extent->shards[i]), kImageSeed);
    ASSERT_TRUE(shard.has_value()) << i;
    EXPECT_EQ(shard->header.key, extent->key);
    EXPECT_EQ(shard->header.cookie, Cookie{crc32c(as_bytes(images))});
    EXPECT_EQ(shard->header.part->shard, i);
    padded.emplace_back(as_text(shard->body));
    padded.back().resize(longest, '\0');
  }
  // The first m are gone.
  std::vector<ByteSpan> there(scheme.shards());
  for (std::uint32_t i = scheme.parity; i < scheme.shards(); ++i) there[i] = as_bytes(padded[i]);
  std::string made(longest, '?');
  const WantedShard wanted{0, std::as_writable_bytes(std::span(made))};
  ASSERT_TRUE(
      (*ReedSolomon::shared(scheme))->reconstruct(there, std::span(&wanted, 1)).has_value());
  EXPECT_TRUE(made == padded[0]);
}

TEST(PackingOf, TheSameNeedlesGivesTheSameBytes) {
  const std::string images = image_of(1, body_of(1, 70'000)) + image_of(2, body_of(2, 10));
  const auto once = pack_extent(kFourTwo, images);
  const auto again = pack_extent(kFourTwo, images);
  EXPECT_EQ(once->shards, again->shards);
  EXPECT_EQ(once->stubs, again->stubs);
}

TEST(PackingOf, IsAsTheFormatSays) {
  const auto extent = pack_extent(kTwoTwo, image_of(0x1637, "hello", "o") + image_of(0x1640, "!"));
  ASSERT_TRUE(extent.has_value());
  EXPECT_EQ(hex_encode(extent->stubs), test::golden("packed_stubs_v5.hex"));
  EXPECT_EQ(hex_encode(extent->shards[0]), test::golden("packed_extent_v3.hex"));
}

TEST(PackingRefuses, WhatCannotBePacked) {
  const auto refused = [](std::string_view images, Errc code, std::string_view why) {
    const auto packed = pack_extent(kTwoTwo, images);
    ASSERT_FALSE(packed.has_value()) << why;
    EXPECT_EQ(packed.error().code(), code);
    EXPECT_THAT(packed.error().detail(), HasSubstr(std::string(why)));
  };
  const std::string good = image_of(7, "body");
  refused("", Errc::kInvalidArgument, "1 to");
  refused(good.substr(0, good.size() - 1), Errc::kCorruption, "bytes of its image");
  refused(good + good, Errc::kInvalidArgument, "does not rise");
  refused(image_of(kExtentBit | 7, "body"), Errc::kInvalidArgument, "that of an extent");
  const auto extent = pack_extent(kTwoTwo, good);
  refused(extent->stubs, Errc::kInvalidArgument, "it is packed");
  refused(extent->shards[0], Errc::kInvalidArgument, "it is a shard");
  const NeedleHeader dead{.key = NeedleKey{3}, .tombstone = true};
  refused(encode_needle(dead, "", {}, kImageSeed), Errc::kInvalidArgument, "tombstone");
  std::string bent = good;
  bent[20] ^= 1;
  refused(bent, Errc::kCorruption, "checksum");
  EXPECT_FALSE(pack_extent({.data = 1, .parity = 1}, good).has_value());
}

TEST(StubRefuses, WhatNoPackingMade) {
  const auto extent = pack_extent(kTwoTwo, image_of(7, body_of(7, 100'000)));
  const WholeNeedle stub = stubs_of(*extent).at(0);
  const std::string body(as_text(stub.body));
  ASSERT_TRUE(decode_stub(stub.header, as_bytes(body)).has_value());
  for (std::size_t size = 0; size < body.size(); ++size) {
    const auto cut = decode_stub(stub.header, as_bytes(body).first(size));
    ASSERT_FALSE(cut.has_value()) << size;
    EXPECT_EQ(cut.error().code(), Errc::kCorruption);
  }
  const auto bent = [&](std::size_t at, char with) {
    std::string other = body;
    other[at] = with;
    return decode_stub(stub.header, as_bytes(other)).has_value();
  };
  EXPECT_FALSE(bent(7, 0)) << "no extent's key";
  EXPECT_FALSE(bent(12, 1)) << "reserved";
  EXPECT_FALSE(bent(23, 1)) << "past every extent's end";
  NeedleHeader plain = stub.header;
  plain.packed_bytes = 0;
  EXPECT_EQ(decode_stub(plain, as_bytes(body)).error().code(), Errc::kInvalidArgument);
}

TEST(StubHeader, IsRefusedWhenItsFieldsContradictEachOther) {
  const NeedleHeader header{
      .key = NeedleKey{7}, .cookie = Cookie{9}, .body_bytes = 28, .packed_bytes = 5};
  std::string bytes(kNeedleHeaderBytes, '\0');
  const auto out = std::as_writable_bytes(std::span(bytes));
  encode_needle_header(header, 1, out);
  EXPECT_EQ(bytes[4], 5);
  EXPECT_EQ(*decode_needle_header(as_bytes(bytes), 1), header);
  const auto bent = [&](std::size_t at, char with) {
    std::string other = bytes;
    other[at] = with;
    const std::uint32_t crc = crc32c(as_bytes(other).first(60), 1);
    std::memcpy(other.data() + 60, &crc, sizeof crc);
    return decode_needle_header(as_bytes(other), 1).has_value();
  };
  EXPECT_FALSE(bent(5, 1)) << "a tombstone";
  EXPECT_FALSE(bent(5, 2)) << "an origin, and no back pointer";
  EXPECT_FALSE(bent(16, 0)) << "no body";
  EXPECT_FALSE(bent(44, 2)) << "a scheme";
  EXPECT_FALSE(bent(46, 1)) << "a shard";
  EXPECT_FALSE(bent(48, 0)) << "nothing packed";
  EXPECT_FALSE(bent(54, 1)) << "longer than a needle";
  EXPECT_FALSE(bent(4, 6)) << "a newer version";
  EXPECT_FALSE(bent(4, 3)) << "in version 3 it would be a shard without a scheme";
}

TEST(PackedBlocks, AreThoseAroundTheBytesAndEachHasItsChecksum) {
  const std::string body = body_of(1, 200'000);
  const auto extent = pack_extent(kTwoTwo, image_of(1, body));
  const WholeNeedle stub = stubs_of(*extent).at(0);
  const PackedPlace place = *decode_stub(stub.header, stub.body);
  const PackedRange middle = blocks_around(place, 70'000, 10);
  EXPECT_EQ(middle.begin, 65'536U);
  EXPECT_EQ(middle.end, 131'072U);
  EXPECT_EQ(blocks_around(place, 199'999, 1).end, 200'000U);
  EXPECT_EQ(blocks_around(place, 0, 65'536).end, 65'536U);
  EXPECT_EQ(blocks_around(place, 65'535, 2).end, 131'072U);
  EXPECT_TRUE(packed_matches(place, 65'536, as_bytes(body).subspan(65'536, 65'536)));
  EXPECT_FALSE(packed_matches(place, 0, as_bytes(body).subspan(65'536, 65'536)));
  std::string rotten = body;
  rotten[199'999] ^= 1;
  EXPECT_FALSE(packed_matches(place, 0, as_bytes(rotten)));
  EXPECT_FALSE(packed_matches(place, 0, as_bytes(body + body))) << "past the table";
}

TEST(LeadingStubs, EndAtTheFirstExtent) {
  const auto extent = pack_extent(kTwoTwo, image_of(7, "one") + image_of(9, "two"));
  NeedleKey last;
  EXPECT_EQ(*leading_stubs(extent->stubs + extent->shards[1], last), extent->stubs);
  EXPECT_EQ(last, NeedleKey{9});
  EXPECT_EQ(leading_stubs(extent->shards[1], last)->size(), 0U);
  EXPECT_FALSE(leading_stubs(extent->stubs.substr(0, 70), last).has_value());
  EXPECT_EQ(*last_key_of(extent->stubs), NeedleKey{9});
}

}  // namespace
}  // namespace kelp
