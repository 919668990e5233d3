// The namespace from needles alone: filer/core/rebuild.h.
#include "filer/core/rebuild.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/encoding.h"
#include "crypto/digest.h"
#include "filer/core/keys.h"
#include "filer/core/rows.h"
#include "kv/kv_store.h"

namespace kelp {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::uint64_t kNeedle = 8 << 20;
const BucketId kBucket{7};

/// A needle of the key "k"; `made` is its time and its key.
FoundNeedle needle(std::uint64_t made, std::uint64_t bytes, NeedleOrigin origin) {
  if (origin.bucket.empty()) origin.bucket = "b";
  return {.fid = {VolumeId{1}, NeedleKey{made}, Cookie{9}},
          .body_bytes = bytes,
          .created_ns = static_cast<std::int64_t>(made),
          .bucket = kBucket,
          .key = "k",
          .origin = std::move(origin)};
}
/// Of an object's body.
FoundNeedle piece(std::uint64_t made, std::uint64_t body, std::uint64_t offset, std::uint64_t bytes,
                  std::uint64_t total) {
  return needle(made, bytes, {.body = NeedleKey{body}, .offset = offset, .total_bytes = total});
}
/// A whole part.
FoundNeedle part(std::uint64_t made, std::string upload, std::uint32_t number,
                 std::uint64_t bytes) {
  return needle(made, bytes,
                {.body = NeedleKey{made},
                 .total_bytes = bytes,
                 .upload_id = std::move(upload),
                 .part_number = number});
}
FoundNeedle old(std::uint64_t made, std::uint64_t bytes) {
  FoundNeedle plain = needle(made, bytes, {});
  plain.origin.reset();
  return plain;
}
std::vector<FoundGeneration> generations(std::vector<FoundNeedle> needles) {
  const FoundNamespace found = sort_needles(std::move(needles));
  EXPECT_EQ(found.keys.size(), 1U);
  return found.keys.empty() ? std::vector<FoundGeneration>{} : found.keys[0].generations;
}
std::vector<std::uint64_t> keys_of(const FoundBody& body) {
  std::vector<std::uint64_t> keys;
  for (const Chunk& chunk : body.chunks) keys.push_back(chunk.fid.key.value);
  return keys;
}

// They would be the newest body of their object.
TEST(RebuildCore, PassesAnnotationsBy) {
  FoundNeedle annotation = piece(30, 30, 0, 7, 7);
  annotation.key.clear();
  const auto made = generations({annotation, piece(20, 20, 0, 5, 5)});
  ASSERT_EQ(made.size(), 1U);
  EXPECT_EQ(made[0].size_bytes, 5U);
  annotation.origin.reset();
  EXPECT_TRUE(sort_needles({annotation}).keys.empty());
}

TEST(RebuildCore, PutsABodyTogetherInItsOrder) {
  const auto made = generations({piece(30, 20, kNeedle, kNeedle, 2 * kNeedle + 5),
                                 piece(10, 20, 2 * kNeedle, 5, 2 * kNeedle + 5),
                                 piece(20, 20, 0, kNeedle, 2 * kNeedle + 5)});
  ASSERT_EQ(made.size(), 1U);
  EXPECT_EQ(made[0].missing, "");
  EXPECT_EQ(made[0].size_bytes, 2 * kNeedle + 5);
  EXPECT_THAT(keys_of(made[0].bodies[0]), ElementsAre(20, 30, 10));
  EXPECT_EQ(made[0].written, WallTime(std::chrono::nanoseconds(30)));
}

TEST(RebuildCore, NeverMixesTheBodiesOfAKey) {
  const auto made =
      generations({piece(1, 1, 0, kNeedle, kNeedle + 1), piece(2, 1, kNeedle, 1, kNeedle + 1),
                   piece(3, 3, 0, kNeedle, kNeedle + 1), piece(4, 3, kNeedle, 1, kNeedle + 1)});
  ASSERT_EQ(made.size(), 2U);
  EXPECT_THAT(keys_of(made[0].bodies[0]), ElementsAre(3, 4)) << "the newest first";
  EXPECT_THAT(keys_of(made[1].bodies[0]), ElementsAre(1, 2));
}

TEST(RebuildCore, SaysWhatOfABodyIsMissing) {
  const std::uint64_t total = 2 * kNeedle + 5;
  const std::vector<FoundNeedle> whole{piece(1, 1, 0, kNeedle, total),
                                       piece(2, 1, kNeedle, kNeedle, total),
                                       piece(3, 1, 2 * kNeedle, 5, total)};
  for (std::size_t lost = 0; lost < whole.size(); ++lost) {
    auto some = whole;
    some.erase(some.begin() + static_cast<std::ptrdiff_t>(lost));
    const auto made = generations(some);
    ASSERT_EQ(made.size(), 1U);
    EXPECT_THAT(made[0].missing, HasSubstr("bytes")) << lost;
  }
  EXPECT_EQ(generations(whole)[0].missing, "");
}

TEST(RebuildCore, TakesOneOfTwoAttemptsAtANeedle) {
  const auto made =
      generations({piece(1, 1, 0, kNeedle, kNeedle + 7), piece(2, 1, kNeedle, 7, kNeedle + 7),
                   piece(5, 1, 0, kNeedle, kNeedle + 7)});
  ASSERT_EQ(made.size(), 1U);
  EXPECT_EQ(made[0].missing, "");
  EXPECT_THAT(keys_of(made[0].bodies[0]), ElementsAre(5, 2));
}

TEST(RebuildCore, PutsAnUploadTogetherOfItsNewestParts) {
  const auto made =
      generations({part(4, "00000000000000a1", 2, 20), part(3, "00000000000000a1", 1, 10),
                   part(6, "00000000000000a1", 2, 21), part(5, "00000000000000a1", 3, 30)});
  ASSERT_EQ(made.size(), 1U);
  EXPECT_EQ(made[0].missing, "");
  EXPECT_EQ(made[0].size_bytes, 61U);
  ASSERT_EQ(made[0].bodies.size(), 3U);
  EXPECT_THAT(keys_of(made[0].bodies[1]), ElementsAre(6));
}

TEST(RebuildCore, APartThatIsNotWholeGivesWayToAnOlderWholeOne) {
  FoundNeedle broken = part(9, "00000000000000a1", 1, 10);
  broken.origin->total_bytes = 11;
  const auto made = generations({part(3, "00000000000000a1", 1, 10), broken});
  ASSERT_EQ(made.size(), 1U);
  EXPECT_EQ(made[0].missing, "");
  EXPECT_THAT(keys_of(made[0].bodies[0]), ElementsAre(3));
}

TEST(RebuildCore, AnUploadWithAGapIsNotWhole) {
  const auto made =
      generations({part(3, "00000000000000a1", 1, 10), part(5, "00000000000000a1", 3, 30)});
  ASSERT_EQ(made.size(), 1U);
  EXPECT_EQ(made[0].missing, "part 2");
  EXPECT_EQ(generations({part(5, "00000000000000a1", 2, 30)})[0].missing, "part 1");
}

TEST(RebuildCore, GuessesOnlyWhatCanBeNothingElse) {
  auto made = generations({old(1, 20'000)});
  ASSERT_EQ(made.size(), 1U);
  EXPECT_TRUE(made[0].guessed);
  EXPECT_EQ(made[0].missing, "");
  EXPECT_NE(generations({old(1, kNeedle)})[0].missing, "") << "perhaps the first of several";
  made = generations({old(1, 20'000), old(2, 30'000)});
  ASSERT_EQ(made.size(), 2U);
  EXPECT_NE(made[0].missing, "");
  EXPECT_NE(made[1].missing, "");
}

TEST(RebuildCore, TheBucketThatWasMadeLaterHasTheName) {
  FoundNeedle first = piece(1, 1, 0, 10, 10);
  FoundNeedle second = piece(2, 2, 0, 10, 10);
  second.bucket = BucketId{900};
  FoundNeedle unnamed = old(3, 10);
  unnamed.bucket = BucketId{8};
  const FoundNamespace found = sort_needles({second, first, unnamed});
  ASSERT_EQ(found.buckets.size(), 3U);
  EXPECT_EQ(found.buckets.at(BucketId{900}).name, "b");
  EXPECT_EQ(found.buckets.at(kBucket).name, "kelp-lost-bucket-7");
  EXPECT_EQ(found.buckets.at(BucketId{8}).name, "kelp-lost-bucket-8");
  EXPECT_EQ(found.next_id, 901U);
}

TEST(RebuildCore, MakesTheRowsOfANamespace) {
  const FoundNamespace found =
      sort_needles({part(3, "00000000000000a1", 1, 10), part(4, "00000000000000a1", 2, 20)});
  EXPECT_EQ(found.next_id, 0xa2U) << "no id is given twice";
  RebuiltRows rows(found, "owner");
  const std::string one(16, '1');
  const std::string two(16, '2');
  rows.add(found.keys[0], found.keys[0].generations[0], {one, two});
  const auto made = std::move(rows).finish();
  const BucketEntry bucket = *decode_bucket(made.at(keys::bucket("b")));
  EXPECT_EQ(bucket.id, kBucket);
  EXPECT_EQ(bucket.owner_id, "owner");
  const ObjectEntry entry = *decode_entry(made.at(keys::object(kBucket, "k")));
  Digest md5(DigestAlgorithm::kMd5);
  md5.update(one + two);
  EXPECT_EQ(etag_text(entry), hex_encode(md5.finish()) + "-2");
  EXPECT_EQ(entry.size_bytes, 30U);
  EXPECT_EQ(entry.layout.chunks.size(), 2U);
  ASSERT_EQ(entry.parts.size(), 2U);
  EXPECT_EQ(entry.parts[1].size_bytes, 20U);
  EXPECT_GE(entry.version, found.next_id);
  EXPECT_EQ(*decode_counter(made.at(keys::count(kBucket, keys::Counter::kObjects, 0))), 1);
  EXPECT_EQ(*decode_counter(made.at(keys::count(kBucket, keys::Counter::kBytes, 0))), 30);
  EXPECT_GT(*decode_number(made.at(keys::ids()), "ids"), entry.version);
}

}  // namespace
}  // namespace kelp
