// What of the extents of a packed volume is alive, and needles taken out of them.

#include "volume/core/extent_use.h"

#include <gtest/gtest.h>

#include "volume/core/packing.h"

namespace kelp {
namespace {

PackedPlace place_in(std::uint64_t extent, std::uint32_t cookie = 7) {
  return {.extent = NeedleKey{kExtentBit | extent}, .cookie = Cookie{cookie}};
}

TEST(ExtentsUse, KeepsAnExtentOfWhichHalfLives) {
  EXPECT_TRUE(is_kept({.body_bytes = 1000, .live_bytes = 1000}));
  EXPECT_TRUE(is_kept({.body_bytes = 1000, .live_bytes = 500}));
  EXPECT_FALSE(is_kept({.body_bytes = 1000, .live_bytes = 499}));
  EXPECT_TRUE(is_kept({.body_bytes = 999, .live_bytes = 500}));
  EXPECT_FALSE(is_kept({.body_bytes = 999, .live_bytes = 499}));
  EXPECT_FALSE(is_kept({.body_bytes = 1000, .live_bytes = 0}));
  EXPECT_FALSE(is_kept({.body_bytes = 0, .live_bytes = 0}));
}

TEST(ExtentsUse, CountsWhatStubsSay) {
  ExtentsUse use;
  for (const std::uint64_t extent : {1, 2, 3}) {
    use.extents[NeedleKey{kExtentBit | extent}] = {Cookie{7}, 1000, 0};
  }
  use.add(place_in(1), 300);
  use.add(place_in(1), 300);
  use.add(place_in(2), 400);
  EXPECT_EQ(use.homeless, 0U);
  EXPECT_TRUE(use.keeps(NeedleKey{kExtentBit | 1}));
  EXPECT_FALSE(use.keeps(NeedleKey{kExtentBit | 2}));
  EXPECT_FALSE(use.keeps(NeedleKey{kExtentBit | 3})) << "nothing lies in it";
  EXPECT_FALSE(use.keeps(NeedleKey{kExtentBit | 9})) << "it is not there";
  const SparseVolume sum = use.summary(VolumeId{5});
  EXPECT_EQ(sum.volume, VolumeId{5});
  EXPECT_EQ(sum.extent_bytes, 2000U) << "what is dead goes without being packed anew";
  EXPECT_EQ(sum.garbage_bytes, 600U);
  EXPECT_EQ(use.bytes_anew(), 1400U) << "one as it is, of one what lives";
}

TEST(ExtentsUse, NoticesStubsWhoseExtentIsAnotherOne) {
  ExtentsUse use;
  use.extents[NeedleKey{kExtentBit | 1}] = {Cookie{7}, 1000, 0};
  use.add(place_in(2), 10);
  EXPECT_EQ(use.homeless, 1U) << "not there";
  use.add(place_in(1, 8), 10);
  EXPECT_EQ(use.homeless, 2U) << "packed from other bytes";
  EXPECT_EQ(use.extents.begin()->second.live_bytes, 10U) << "and yet it is not dead";
  use.add(place_in(1), 991);
  EXPECT_EQ(use.homeless, 3U) << "more than fits into it";
}

/// Needles 1 to 3, one behind the other, as in an extent.
std::string three_needles() {
  std::string images;
  for (std::uint64_t key = 1; key <= 3; ++key) {
    const std::string body(key * 50'000, static_cast<char>('a' + key));
    const NeedleHeader header{
        .key = NeedleKey{key}, .cookie = Cookie{static_cast<std::uint32_t>(key)}, .created_ns = 5};
    images += encode_needle(header, "some/key", as_bytes(body), kImageSeed);
  }
  return images;
}

std::vector<PackedNeedle> stubs_of(const std::string& images) {
  const auto extent = pack_extent({.data = 2, .parity = 2}, images);
  EXPECT_TRUE(extent.has_value());
  std::vector<PackedNeedle> needles;
  std::string_view left = extent->stubs;
  while (!left.empty()) {
    const auto stub = decode_needle(as_bytes(left), kImageSeed);
    EXPECT_TRUE(stub.has_value());
    needles.push_back(packed_needle(stub->header, *decode_stub(stub->header, stub->body)));
    left.remove_prefix(layout_of(stub->header).total_bytes);
  }
  return needles;
}

TEST(ExtentsUse, GivesEachNeedleBackAsItWas) {
  const std::string images = three_needles();
  std::string together;
  for (const PackedNeedle& needle : stubs_of(images)) {
    const auto image = image_in(images, needle);
    ASSERT_TRUE(image.has_value()) << image.error().message();
    EXPECT_EQ(image->size(), layout_of(needle.header).total_bytes);
    together += *image;
  }
  EXPECT_TRUE(together == images);
}

TEST(ExtentsUse, RefusesWhatIsNotThatNeedle) {
  const std::string images = three_needles();
  const std::vector<PackedNeedle> needles = stubs_of(images);
  const auto refused = [](std::string_view extent, const PackedNeedle& needle) {
    const auto image = image_in(extent, needle);
    return !image.has_value() && image.error().code() == Errc::kCorruption;
  };
  EXPECT_TRUE(refused(std::string_view(images).substr(0, images.size() - 1), needles[2]));
  EXPECT_TRUE(refused("", needles[0]));
  std::string rotten = images;
  rotten[needles[1].place.offset + 60'000] ^= 1;
  EXPECT_TRUE(refused(rotten, needles[1]));
  EXPECT_FALSE(refused(rotten, needles[0])) << "that one is sound";
  PackedNeedle other = needles[1];
  other.header.cookie = Cookie{99};
  EXPECT_TRUE(refused(images, other));
  other = needles[1];
  other.place.offset = needles[0].place.offset;
  EXPECT_TRUE(refused(images, other)) << "another needle lies there";
  other.place.offset = 1;
  EXPECT_TRUE(refused(images, other)) << "it would begin before the extent";
  other.place.offset = UINT64_MAX - 10;
  EXPECT_TRUE(refused(images, other));
  other = needles[1];
  other.place.table[2] ^= 1;
  EXPECT_TRUE(refused(images, other)) << "the stub says other checksums";
}

}  // namespace
}  // namespace kelp
