#include "filer/core/object_lock.h"

#include <chrono>

namespace kelp {
namespace {

Error locked(const char* why) {
  return Error(Errc::kPermissionDenied, why, Reason::kObjectLocked);
}

Error no_lock() {
  return Error(Errc::kInvalidArgument, "the bucket has no object lock", Reason::kNoObjectLock);
}

/// The same day of the year and time of day, of February 29th in a common year the 28th.
WallTime years_later(WallTime from, std::uint32_t years) {
  const auto day = std::chrono::floor<std::chrono::days>(from);
  auto date = std::chrono::year_month_day(day) + std::chrono::years(years);
  if (!date.ok()) date = date.year() / date.month() / std::chrono::last;
  return std::chrono::sys_days(date) + (from - day);
}

}  // namespace

Result<void> check_removal(const ObjectLock& lock, bool bypass_governance, WallTime now) {
  if (lock.hold == LegalHold::kOn) return locked("the version is on legal hold");
  const Retention& retention = lock.retention;
  if (retention.mode == RetentionMode::kNone || retention.until <= now) return {};
  if (retention.mode == RetentionMode::kGovernance && bypass_governance) return {};
  return locked("the version is retained");
}

Result<void> change_lock(const BucketEntry& bucket, const SetObjectLock& asked, WallTime now,
                         ObjectLock& lock) {
  if (!bucket.lock.enabled) return no_lock();
  if (asked.hold) lock.hold = *asked.hold;
  if (!asked.retention) return {};
  const Retention& held = lock.retention;
  const bool longer = asked.retention->mode == held.mode && asked.retention->until >= held.until;
  if (!longer) {
    KELP_CHECK(check_removal({.retention = held}, asked.bypass_governance, now));
  }
  lock.retention = *asked.retention;
  return {};
}

Result<void> settle_lock(const BucketEntry& bucket, ObjectEntry& entry) {
  ObjectLock& lock = entry.headers.lock;
  if (!bucket.lock.enabled) {
    if (lock.any()) return no_lock();
    return {};
  }
  if (lock.retention.mode != RetentionMode::kNone || bucket.lock.mode == RetentionMode::kNone) {
    return {};
  }
  const WallTime by_days = entry.modified + std::chrono::days(bucket.lock.days);
  lock.retention = {bucket.lock.mode, years_later(by_days, bucket.lock.years)};
  return {};
}

Result<void> check_bucket_lock(const BucketEntry& bucket) {
  if (!bucket.lock.enabled || bucket.versioning == Versioning::kEnabled) return {};
  return Error(Errc::kConflict, "object lock needs versioning to stay enabled",
               Reason::kLockNeedsVersions);
}

}  // namespace kelp
