// What object lock allows.

#include "filer/core/object_lock.h"

#include <gtest/gtest.h>

namespace kelp {
namespace {

using std::chrono::days;
using std::chrono::nanoseconds;
using enum RetentionMode;

constexpr WallTime kNow{std::chrono::seconds(1'700'000'000)};
constexpr WallTime kSoon = kNow + nanoseconds(1);
constexpr WallTime kLater = kNow + days(1);

BucketEntry lockable() {
  BucketEntry bucket;
  bucket.versioning = Versioning::kEnabled;
  bucket.lock.enabled = true;
  return bucket;
}

TEST(ObjectLock, KeepsVersionsUntilTheirTime) {
  struct Case {
    ObjectLock lock;
    bool free;
    bool free_with_bypass;
  };
  for (const auto& [lock, free, free_with_bypass] : {
           Case{{}, true, true},
           Case{{.hold = LegalHold::kOff}, true, true},
           Case{{.hold = LegalHold::kOn}, false, false},
           Case{{.retention = {kGovernance, kSoon}}, false, true},
           Case{{.retention = {kGovernance, kNow}}, true, true},
           Case{{.retention = {kCompliance, kSoon}}, false, false},
           Case{{.retention = {kCompliance, kNow}}, true, true},
           Case{{.retention = {kGovernance, kSoon}, .hold = LegalHold::kOn}, false, false},
       }) {
    EXPECT_EQ(check_removal(lock, false, kNow).has_value(), free);
    EXPECT_EQ(check_removal(lock, true, kNow).has_value(), free_with_bypass);
  }
  const auto refused = check_removal({.hold = LegalHold::kOn}, false, kNow);
  EXPECT_EQ(refused.error().code(), Errc::kPermissionDenied);
  EXPECT_EQ(refused.error().reason(), Reason::kObjectLocked);
}

TEST(ObjectLock, OfAVersionChangesOnlyToStricterOnes) {
  struct Case {
    Retention before;
    Retention after;
    bool free;
    bool free_with_bypass;
  };
  const Retention none;
  for (const auto& [before, after, free, free_with_bypass] : {
           Case{none, {kGovernance, kSoon}, true, true},
           Case{none, {kCompliance, kSoon}, true, true},
           Case{none, none, true, true},
           Case{{kGovernance, kSoon}, {kGovernance, kLater}, true, true},
           Case{{kGovernance, kSoon}, {kGovernance, kSoon}, true, true},
           Case{{kGovernance, kLater}, {kGovernance, kSoon}, false, true},
           Case{{kGovernance, kSoon}, {kCompliance, kLater}, false, true},
           Case{{kGovernance, kSoon}, none, false, true},
           Case{{kGovernance, kNow}, none, true, true},
           Case{{kCompliance, kSoon}, {kCompliance, kLater}, true, true},
           Case{{kCompliance, kLater}, {kCompliance, kSoon}, false, false},
           Case{{kCompliance, kSoon}, {kGovernance, kLater}, false, false},
           Case{{kCompliance, kSoon}, none, false, false},
           Case{{kCompliance, kNow}, {kGovernance, kSoon}, true, true},
       }) {
    for (const bool bypass : {false, true}) {
      ObjectLock lock{.retention = before, .hold = LegalHold::kOn};
      const SetObjectLock asked{.retention = after, .bypass_governance = bypass};
      const bool changed = change_lock(lockable(), asked, kNow, lock).has_value();
      EXPECT_EQ(changed, bypass ? free_with_bypass : free);
      EXPECT_EQ(lock.retention, changed ? after : before);
      EXPECT_EQ(lock.hold, LegalHold::kOn);
    }
  }
  ObjectLock lock{.retention = {kCompliance, kSoon}};
  ASSERT_TRUE(change_lock(lockable(), {.hold = LegalHold::kOff}, kNow, lock));
  EXPECT_EQ(lock.hold, LegalHold::kOff);
  EXPECT_EQ(change_lock({}, {.hold = LegalHold::kOn}, kNow, lock).error().reason(),
            Reason::kNoObjectLock);
}

TEST(ObjectLock, OfABucketIsTheDefaultOfItsVersions) {
  BucketEntry bucket = lockable();
  const auto settled = [&bucket](WallTime modified, Retention given = {}) {
    ObjectEntry entry;
    entry.modified = modified;
    entry.headers.lock.retention = given;
    EXPECT_TRUE(settle_lock(bucket, entry));
    return entry.headers.lock.retention;
  };
  EXPECT_EQ(settled(kNow), Retention{}) << "no default";
  bucket.lock = {.enabled = true, .mode = kGovernance, .days = 30};
  EXPECT_EQ(settled(kNow), (Retention{kGovernance, kNow + days(30)}));
  EXPECT_EQ(settled(kNow, {kCompliance, kSoon}), (Retention{kCompliance, kSoon}));
  bucket.lock = {.enabled = true, .mode = kCompliance, .years = 1};
  using std::chrono::sys_days;
  using namespace std::chrono_literals;
  const WallTime leap = sys_days(2024y / 2 / 29) + 7h;
  EXPECT_EQ(settled(leap).until, sys_days(2025y / 2 / 28) + 7h);
  bucket.lock.years = 4;
  EXPECT_EQ(settled(leap).until, sys_days(2028y / 2 / 29) + 7h);

  ObjectEntry held;
  held.headers.lock.hold = LegalHold::kOff;
  EXPECT_EQ(settle_lock({}, held).error().reason(), Reason::kNoObjectLock);
}

TEST(ObjectLock, NeedsVersioning) {
  BucketEntry bucket = lockable();
  EXPECT_TRUE(check_bucket_lock(bucket));
  bucket.versioning = Versioning::kSuspended;
  EXPECT_EQ(check_bucket_lock(bucket).error().reason(), Reason::kLockNeedsVersions);
  bucket.lock.enabled = false;
  EXPECT_TRUE(check_bucket_lock(bucket));
}

}  // namespace
}  // namespace kelp
