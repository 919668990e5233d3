// Object lock through a filer: no call takes a locked version away.

#include <gtest/gtest.h>

#include <set>

#include "tests/unit/filer/chaos.h"

namespace kelp {
namespace {

using test::FilerWorld;
using test::put_of;

constexpr FilerOptions kOptions = test::kChaosOptions;
const std::string kBucket = test::kChaosBucket;

Retention retained_for(const FilerWorld& world, std::chrono::days days,
                       RetentionMode mode = RetentionMode::kCompliance) {
  return {mode, world.clock.wall() + days};
}

class LocksTest : public testing::Test {
 protected:
  LocksTest() { make_bucket(kBucket); }

  void make_bucket(std::string name, BucketLock lock = {.enabled = true}) {
    BucketEntry bucket;
    bucket.name = std::move(name);
    bucket.owner_id = "alice";
    bucket.versioning = Versioning::kEnabled;
    bucket.lock = lock;
    ASSERT_TRUE(world_.run(world_.filer.create_bucket(std::move(bucket))));
  }
  ObjectKey put(std::string key, ObjectLock lock = {}) {
    PutObject request = put_of(kBucket, key, "x");
    request.entry.headers.lock = lock;
    const auto outcome = world_.run(world_.filer.put_object(std::move(request)));
    EXPECT_TRUE(outcome) << outcome.error().message();
    return {kBucket, std::move(key), outcome->version_id};
  }
  Reason refusal(ObjectKey name, bool bypass = false) {
    const auto gone =
        world_.run(world_.filer.delete_object(std::move(name), {.bypass_governance = bypass}));
    return gone ? Reason::kNone : gone.error().reason();
  }
  ObjectLock lock_of(const ObjectKey& name) {
    return world_.run(world_.filer.get_object(name, false)).value().entry.headers.lock;
  }

  FilerWorld world_{1, kOptions};
};

TEST_F(LocksTest, HoldOffDeletesOfTheVersion) {
  const ObjectKey held = put("k", {.hold = LegalHold::kOn});
  EXPECT_EQ(refusal(held, true), Reason::kObjectLocked);
  EXPECT_EQ(refusal({kBucket, "k"}), Reason::kNone) << "a delete marker takes nothing";
  EXPECT_EQ(refusal(held, true), Reason::kObjectLocked) << "below a marker";
  ASSERT_TRUE(world_.run(world_.filer.set_object_lock({.name = held, .hold = LegalHold::kOff})));
  EXPECT_EQ(refusal(held), Reason::kNone);

  const ObjectKey kept = put(
      "k", {.retention = retained_for(world_, std::chrono::days(1), RetentionMode::kGovernance)});
  EXPECT_EQ(refusal(kept), Reason::kObjectLocked);
  EXPECT_EQ(refusal(kept, true), Reason::kNone);
  const ObjectKey strict = put("k", {.retention = retained_for(world_, std::chrono::days(1))});
  EXPECT_EQ(refusal(strict, true), Reason::kObjectLocked);
  world_.clock.advance(std::chrono::days(1));
  EXPECT_EQ(refusal(strict), Reason::kNone);
}

TEST_F(LocksTest, RefuseAVersionOfManyAlone) {
  const ObjectKey held = put("held", {.hold = LegalHold::kOn});
  const ObjectKey free = put("free");
  const Retention week = retained_for(world_, std::chrono::days(7), RetentionMode::kGovernance);
  const ObjectKey governed = put("governed", {.retention = week});
  DeleteObjects request{kBucket,
                        {"held", "free", "governed"},
                        {held.version_id, free.version_id, governed.version_id}};
  request.bypass_governance = true;
  const auto outcomes = world_.run(world_.filer.delete_objects(std::move(request)));
  ASSERT_TRUE(outcomes);
  EXPECT_EQ(outcomes->at(0).error().reason(), Reason::kObjectLocked);
  EXPECT_TRUE(outcomes->at(1)->existed);
  EXPECT_TRUE(outcomes->at(2)->existed);
  EXPECT_FALSE(world_.run(world_.filer.get_object(free, false)));
}

TEST_F(LocksTest, OfTheBucketComeWithEveryWayToWrite) {
  const BucketLock days{.enabled = true, .mode = RetentionMode::kGovernance, .days = 7};
  ASSERT_TRUE(world_.run(world_.filer.set_bucket_lock({kBucket, days})));
  const auto expect_default = [this](const ObjectKey& name) {
    const auto found = world_.run(world_.filer.get_object(name, false));
    ASSERT_TRUE(found);
    const Retention expected{RetentionMode::kGovernance,
                             found->entry.modified + std::chrono::days(7)};
    EXPECT_EQ(found->entry.headers.lock.retention, expected) << name.key;
  };
  expect_default(put("put"));
  const auto upload = world_.run(
      world_.filer.create_upload({.bucket = kBucket, .key = "upload", .owner_id = "alice"}));
  const UploadName name{kBucket, "upload", upload->upload_id};
  PutPart part{.upload = name, .part_number = 1, .size_bytes = 9, .md5 = std::string(16, 'm')};
  part.chunks.push_back(world_.chunk(9));
  ASSERT_TRUE(world_.run(world_.filer.put_part(std::move(part))));
  world_.clock.advance(std::chrono::hours(5));
  CompleteUpload complete{.upload = name, .parts = {{1, hex_encode(std::string(16, 'm')), {}}}};
  ASSERT_TRUE(world_.run(world_.filer.complete_upload(std::move(complete))));
  expect_default({kBucket, "upload"});

  // A rename takes the retention along, and where there is none to keep, gets the default.
  RenameObject rename{.from = {kBucket, "put"}, .to = {kBucket, "renamed"}};
  const ObjectLock before = lock_of({kBucket, "put"});
  ASSERT_TRUE(world_.run(world_.filer.rename_object(std::move(rename))));
  EXPECT_EQ(lock_of({kBucket, "renamed"}), before);
  world_.make_bucket("plain");
  ASSERT_TRUE(world_.run(world_.filer.put_object(put_of("plain", "k", "x"))));
  RenameObject move{.from = {"plain", "k"}, .to = {kBucket, "moved"}};
  ASSERT_TRUE(world_.run(world_.filer.rename_object(std::move(move))));
  expect_default({kBucket, "moved"});
  RenameObject back{.from = {kBucket, "moved"}, .to = {"plain", "back"}};
  ASSERT_TRUE(world_.run(world_.filer.rename_object(std::move(back))));
  EXPECT_FALSE(lock_of({"plain", "back"}).any()) << "a bucket without lock has none";
}

TEST_F(LocksTest, OfAnUploadAreThoseItBeganWith) {
  const ObjectLock asked{.retention = retained_for(world_, std::chrono::days(2)),
                         .hold = LegalHold::kOn};
  CreateUpload create{.bucket = kBucket, .key = "k", .owner_id = "alice"};
  create.headers.lock = asked;
  const auto upload = world_.run(world_.filer.create_upload(std::move(create)));
  ASSERT_TRUE(upload);
  const UploadName name{kBucket, "k", upload->upload_id};
  PutPart part{.upload = name, .part_number = 1, .size_bytes = 9, .md5 = std::string(16, 'm')};
  part.chunks.push_back(world_.chunk(9));
  ASSERT_TRUE(world_.run(world_.filer.put_part(std::move(part))));
  CompleteUpload complete{.upload = name, .parts = {{1, hex_encode(std::string(16, 'm')), {}}}};
  ASSERT_TRUE(world_.run(world_.filer.complete_upload(std::move(complete))));
  EXPECT_EQ(lock_of({kBucket, "k"}), asked);
}

TEST_F(LocksTest, OfABucketNeedVersioningAndStay) {
  world_.make_bucket("plain");
  const SetBucketLock lock{"plain", {.enabled = true}};
  EXPECT_EQ(world_.run(world_.filer.set_bucket_lock(lock)).error().reason(),
            Reason::kLockNeedsVersions);
  ASSERT_TRUE(world_.run(world_.filer.set_bucket_versioning({"plain", true})));
  ASSERT_TRUE(world_.run(world_.filer.set_bucket_lock(lock)));
  const auto suspended = world_.run(world_.filer.set_bucket_versioning({"plain", false}));
  EXPECT_EQ(suspended.error().reason(), Reason::kLockNeedsVersions);
  EXPECT_FALSE(world_.run(world_.filer.set_bucket_lock({"plain", {}}))) << "never taken back";
  EXPECT_EQ(world_.run(world_.filer.drop_bucket("plain")).error().reason(), Reason::kObjectLocked);
  world_.make_bucket("other");
  PutObject locked = put_of("other", "k", "x");
  locked.entry.headers.lock.hold = LegalHold::kOff;
  EXPECT_EQ(world_.run(world_.filer.put_object(std::move(locked))).error().reason(),
            Reason::kNoObjectLock);
}

/// Deletes, locks and writes of one key at once; what was locked in the end must be there.
struct Storm {
  FilerWorld& world;
  std::vector<ObjectKey> made;
  std::set<std::uint64_t> held;  ///< A hold on them was acknowledged.

  static Task<void> act(Storm& storm) {
    FilerService& filer = storm.world.filer;
    for (int i = 0; i < 6; ++i) {
      const auto any = [&storm] {
        return storm.made[storm.world.work.rng().below(storm.made.size())];
      };
      switch (storm.world.work.rng().below(4)) {
        case 0: {
          const auto put = co_await filer.put_object(put_of(kBucket, "k", "x"));
          if (put) storm.made.push_back({kBucket, "k", put->version_id});
          break;
        }
        case 1: {
          const ObjectKey name = any();
          SetObjectLock hold{.name = name, .hold = LegalHold::kOn};
          if (co_await filer.set_object_lock(std::move(hold))) {
            storm.held.insert(*name.version_id);
          }
          break;
        }
        case 2: {
          RenameObject away{.from = {kBucket, "k"}, .to = {kBucket, "away"}};
          (void)co_await filer.rename_object(std::move(away));
          break;
        }
        default: {
          const ObjectKey name = any();
          const bool was_held = storm.held.contains(*name.version_id);
          const auto gone = co_await filer.delete_object(name, {.bypass_governance = true});
          if (was_held) EXPECT_FALSE(gone);
          break;
        }
      }
    }
  }
};

TEST(LockRaces, AHoldThatWasAcknowledgedKeepsItsVersion) {
  int held = 0;
  for (std::uint64_t seed = 1; seed <= 5 * test::kChaosSeeds; ++seed) {
    SCOPED_TRACE(seed);
    FilerWorld world(seed, kOptions);
    BucketEntry bucket;
    bucket.name = kBucket;
    bucket.owner_id = "alice";
    bucket.versioning = Versioning::kEnabled;
    bucket.lock.enabled = true;
    ASSERT_TRUE(world.run(world.filer.create_bucket(std::move(bucket))));
    Storm storm{world, {}, {}};
    const auto first = world.run(world.filer.put_object(put_of(kBucket, "k", "x")));
    storm.made.push_back({kBucket, "k", first->version_id});
    std::vector<Task<void>> tasks;
    for (int i = 0; i < 4; ++i) tasks.push_back(Storm::act(storm));
    world.run_all(std::move(tasks));
    for (const std::uint64_t version : storm.held) {
      EXPECT_TRUE(world.run(world.filer.get_object({kBucket, "k", version}, true))) << version;
    }
    held += static_cast<int>(storm.held.size());
  }
  EXPECT_GT(held, 100);
}

}  // namespace
}  // namespace kelp
