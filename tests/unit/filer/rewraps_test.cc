// Keys of objects that are wrapped anew, through a filer.

#include <gtest/gtest.h>

#include "tests/unit/filer/filer_world.h"

namespace kelp {
namespace {

using test::FilerWorld;
using test::put_of;

const std::string kBucket = "photos";
constexpr FilerOptions kOptions{.min_part_bytes = 1, .lease_ids = 16, .event_stream = 1};

class RewrapsTest : public testing::Test {
 protected:
  RewrapsTest() {
    BucketEntry bucket;
    bucket.name = kBucket;
    bucket.owner_id = "alice";
    bucket.versioning = Versioning::kEnabled;
    bucket.lock = {.enabled = true};
    EXPECT_TRUE(world_.run(world_.filer.create_bucket(std::move(bucket))));
  }
  ObjectEntry put(ObjectLock lock = {}) {
    PutObject request = put_of(kBucket, "k", "body");
    request.inline_body = std::string(36, 's');  // Sealed, four bytes come to that.
    request.entry.headers.encryption = {.kind = EncryptionKind::kS3, .wrapped_key = "old"};
    request.entry.headers.lock = lock;
    const auto done = world_.run(world_.filer.put_object(std::move(request)));
    EXPECT_TRUE(done) << done.error().message();
    return now();
  }
  ObjectEntry now() {
    return world_.run(world_.filer.get_object({kBucket, "k"}, false)).value().entry;
  }
  static RewrapObject order(const ObjectEntry& entry) {
    return {.name = {kBucket, "k"},
            .version = entry.version,
            .wrapped_key = entry.headers.encryption.wrapped_key,
            .encryption = {.kind = EncryptionKind::kKms, .key_id = "mine", .wrapped_key = "new"}};
  }
  Result<TaggedVersion> rewrap(RewrapObject request) {
    return world_.run(world_.filer.rewrap_object(std::move(request)));
  }

  FilerWorld world_{1, kOptions};
};

TEST_F(RewrapsTest, ChangeTheEncryptionAlone) {
  ASSERT_TRUE(world_.run(world_.filer.set_bucket_events({kBucket, 3600})));
  ObjectEntry before = put();
  const auto done = rewrap(order(before));
  ASSERT_TRUE(done) << done.error().message();
  EXPECT_EQ(done->version_id, before.version);
  before.headers.encryption = order(before).encryption;
  EXPECT_EQ(now(), before);
  const auto page = world_.run(world_.filer.read_events({kBucket, EventsFrom::kOldest, {}, 100}));
  EXPECT_EQ(page.value().events.back().kind, EventKind::kEncryption);
}

// A body whose wrapped key was lost could never be read again.
TEST_F(RewrapsTest, NeverPutsAKeyThatIsNotTheBodys) {
  const ObjectEntry old = put();
  const ObjectEntry newer = put();
  EXPECT_EQ(rewrap(order(old)).error().reason(), Reason::kConditionConflict);
  ASSERT_TRUE(rewrap(order(newer)));
  EXPECT_EQ(rewrap(order(newer)).error().reason(), Reason::kConditionConflict) << "wrapped anew";
  RewrapObject none = order(now());
  none.encryption = {};
  EXPECT_EQ(rewrap(none).error().code(), Errc::kInvalidArgument);
  EXPECT_EQ(now().headers.encryption.wrapped_key, "new");
}

TEST_F(RewrapsTest, HonourLocks) {
  for (const ObjectLock& lock :
       {ObjectLock{.hold = LegalHold::kOn},
        ObjectLock{{RetentionMode::kGovernance, world_.clock.wall() + std::chrono::days(1)}},
        ObjectLock{{RetentionMode::kCompliance, world_.clock.wall() + std::chrono::days(1)}}}) {
    const ObjectEntry entry = put(lock);
    EXPECT_EQ(rewrap(order(entry)).error().reason(), Reason::kObjectLocked);
  }
  const ObjectEntry entry = put({.hold = LegalHold::kOff});
  EXPECT_TRUE(rewrap(order(entry)));
}

}  // namespace
}  // namespace kelp
