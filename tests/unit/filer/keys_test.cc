#include "filer/core/keys.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/rng.h"

namespace kelp {
namespace {

/// Short keys of bytes that are hard to keep in order.
std::string nasty_key(Rng& rng) {
  constexpr std::string_view kBytes("ab/\0\x01\xfe\xff", 7);
  std::string key(1 + rng.below(4), ' ');
  for (char& c : key) c = kBytes[rng.below(kBytes.size())];
  return key;
}

TEST(Keys, KeepTheOrderOfTheBytesOfObjectKeys) {
  Rng rng(5);
  for (int i = 0; i < 100'000; ++i) {
    const std::string a = nasty_key(rng);
    const std::string b = nasty_key(rng);
    const BucketId bucket(7);
    EXPECT_EQ(a < b, keys::object(bucket, a) < keys::object(bucket, b));
    if (a == b) continue;
    // Every row of one key stands before every row of the other, whatever follows the key.
    const std::string last_of_a = keys::part(keys::upload(bucket, a, ~0ULL), 10'000);
    EXPECT_EQ(a < b, last_of_a < keys::upload(bucket, b, 0));
    EXPECT_EQ(a < b, keys::version(bucket, a, 0) < keys::version(bucket, b, ~0ULL));
    const bool prefix = b.starts_with(a);
    EXPECT_EQ(prefix, keys::upload(bucket, b, 1).starts_with(keys::uploads_of(bucket, a)));
  }
}

TEST(Keys, ReadWhatTheyWrite) {
  Rng rng(6);
  for (int i = 0; i < 10'000; ++i) {
    const std::string key = nasty_key(rng);
    const BucketId bucket(rng.next());
    const std::uint64_t id = rng.next();
    const std::string upload = keys::upload(bucket, key, id);
    const auto at = keys::parse_upload(upload);
    ASSERT_TRUE(at);
    EXPECT_EQ(at->bucket, bucket);
    EXPECT_EQ(at->key, key);
    EXPECT_EQ(at->upload_id, id);
    EXPECT_EQ(at->part_number, 0U);
    const auto part = keys::parse_upload(keys::part(upload, 300));
    ASSERT_TRUE(part);
    EXPECT_EQ(part->part_number, 300U);
    EXPECT_EQ(part->upload_key_bytes, upload.size());
    const std::string version = keys::version(bucket, key, id);
    const auto old = keys::parse_version(version);
    ASSERT_TRUE(old);
    EXPECT_EQ(old->bucket, bucket);
    EXPECT_EQ(old->key, key);
    EXPECT_EQ(old->version, id);
    EXPECT_LT(version, keys::version(bucket, key, id - 1)) << "the newest stands first";
    EXPECT_FALSE(keys::parse_version(version + "x"));
    EXPECT_FALSE(keys::parse_version(std::string_view(version).substr(0, version.size() - 1)));
    const std::string object = keys::object(bucket, key);
    EXPECT_EQ(keys::parse_object(object)->key, key);
    EXPECT_EQ(keys::parse_object(object)->bucket, bucket);
  }
  const FileId fid{VolumeId(1), NeedleKey(2), Cookie(3)};
  const WallTime since(std::chrono::nanoseconds(123));
  EXPECT_EQ(keys::parse_dead(keys::dead(since, fid))->fid, fid);
  EXPECT_EQ(keys::parse_dead(keys::dead(since, fid))->since, since);
  EXPECT_EQ(keys::parse_body(keys::body(9)).value(), 9U);
  EXPECT_EQ(keys::parse_count(keys::count(BucketId(4), keys::Counter::kBytes, 1))->bucket,
            BucketId(4));
  EXPECT_EQ(keys::bucket_name(keys::bucket("photos")), "photos");
  const std::string annotation = keys::annotation(7, "ml.a");
  EXPECT_EQ(keys::parse_annotation(annotation)->set, 7U);
  EXPECT_EQ(keys::parse_annotation(annotation)->name, "ml.a");
  EXPECT_FALSE(keys::parse_annotation(keys::annotations_of(7)));
  EXPECT_EQ(keys::parse_loose_set(keys::loose_set(7)).value(), 7U);
  EXPECT_FALSE(keys::parse_loose_set(keys::loose_set(7) + "x"));
}

TEST(Keys, RefuseEveryTruncation) {
  const std::string upload = keys::upload(BucketId(1), "key", 2);
  const std::string part = keys::part(upload, 3);
  for (std::size_t size = 0; size < part.size(); ++size) {
    const auto at = keys::parse_upload(std::string_view(part).substr(0, size));
    EXPECT_EQ(at.has_value(), size == upload.size()) << size;
  }
  EXPECT_FALSE(keys::parse_upload(part + "x"));
  EXPECT_FALSE(keys::parse_dead("d"));
  EXPECT_FALSE(keys::parse_count("c"));
  EXPECT_FALSE(keys::parse_body("I"));
  EXPECT_FALSE(keys::parse_object(keys::object(BucketId(1), "")));
}

TEST(Keys, FindTheEndOfAPrefix) {
  EXPECT_EQ(keys::behind("a"), "b");
  EXPECT_EQ(keys::behind("a\xff"), "b");
  EXPECT_EQ(keys::behind("\xff\xff"), "");
  EXPECT_EQ(keys::behind(""), "");
  EXPECT_EQ(keys::behind(std::string("a\0", 2)), "a\x01");
}

TEST(Keys, KeepInlineBodiesOutOfTheWalkOverAllMetadata) {
  const KvRange all = keys::all_metadata();
  const auto inside = [&all](const std::string& key) { return key >= all.begin && key < all.end; };
  EXPECT_FALSE(inside(keys::body(~0ULL)));
  EXPECT_TRUE(inside(keys::bucket("a")));
  EXPECT_TRUE(inside(keys::object(BucketId(~0ULL), "\xff")));
  EXPECT_TRUE(inside(keys::upload(BucketId(1), "k", 1)));
  EXPECT_TRUE(inside(keys::dead(WallTime(), {})));
  EXPECT_TRUE(inside(keys::count(BucketId(1), keys::Counter::kBytes, 0)));
  EXPECT_TRUE(inside(keys::key_floor()));
}

}  // namespace
}  // namespace kelp
