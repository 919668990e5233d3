#pragma once

#include "base/clock.h"
#include "kelp/result.h"
#include "wire/entry.h"
#include "wire/namespace.h"

namespace kelp {

// What object lock (S3 user guide, "Locking objects") demands of commits. Pure.

/// That a version may be removed: kPermissionDenied with kObjectLocked while it is on legal hold or
/// retained, in governance mode unless that is bypassed.
[[nodiscard]] Result<void> check_removal(const ObjectLock& lock, bool bypass_governance,
                                         WallTime now);

/// Does to `lock`, of a version of `bucket`, what is asked for. Retention may become longer in the
/// same mode. In governance mode anything else needs the bypass; in compliance mode nothing else is
/// allowed: kPermissionDenied with kObjectLocked. kInvalidArgument with kNoObjectLock when the
/// bucket has no lock.
[[nodiscard]] Result<void> change_lock(const BucketEntry& bucket, const SetObjectLock& asked,
                                       WallTime now, ObjectLock& lock);

/// What `entry`, about to come into the bucket, is locked by: when it was not given a retention,
/// the bucket's default from its time of modification on. kInvalidArgument with kNoObjectLock for a
/// lock that the bucket does not have.
[[nodiscard]] Result<void> settle_lock(const BucketEntry& bucket, ObjectEntry& entry);

/// That a bucket may have this versioning and this lock: kConflict with kLockNeedsVersions.
[[nodiscard]] Result<void> check_bucket_lock(const BucketEntry& bucket);

}  // namespace kelp
