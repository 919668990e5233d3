// The row of a bucket: docs/formats/entry.md.

#include "wire/entry.h"
#include "wire/row_format.h"
#include "wire/row_pieces.h"

namespace kelp {
namespace {

constexpr std::uint8_t kQuotaBucketFormat = 2;  // 1: without a quota
constexpr std::uint8_t kFullBucketFormat = 3;   // as 2, its limits may be 0; versioning, events
constexpr std::uint8_t kClassBucketFormat = 4;  // as 3, all of it may be 0; a storage class
constexpr std::uint8_t kBucketFormat = 5;       // as 4, that may be none; a lock

}  // namespace

std::string encode_bucket(const BucketEntry& bucket) {
  std::string row;
  ByteWriter to(row);
  const bool locked = bucket.lock.enabled;
  const bool classed = locked || !bucket.storage_class.empty();
  const bool full = classed || bucket.versioning != Versioning::kNever || bucket.events.log != 0;
  const bool limited = bucket.quota.limits();
  to.fixed(locked    ? kBucketFormat
           : classed ? kClassBucketFormat
           : full    ? kFullBucketFormat
           : limited ? kQuotaBucketFormat
                     : std::uint8_t{1});
  to.varint(bucket.id.value);
  encode_time(bucket.created, row);
  encode_owner(bucket.owner_id, row);
  to.text(bucket.region);
  to.text(bucket.name);
  if (limited || full) {
    to.varint(bucket.quota.max_bytes);
    to.varint(bucket.quota.max_objects);
    to.varint(bucket.quota.id);
  }
  if (full) {
    to.fixed(static_cast<std::uint8_t>(bucket.versioning));
    to.varint(bucket.events.keep_seconds);
    to.varint(bucket.events.log);
  }
  if (classed) encode_storage_class(bucket.storage_class, row);
  if (locked) {
    to.fixed(static_cast<std::uint8_t>(bucket.lock.mode));
    to.varint(bucket.lock.days);
    to.varint(bucket.lock.years);
  }
  return row;
}

namespace {

BucketLock decode_bucket_lock(ByteReader& in) {
  BucketLock lock{.enabled = true};
  lock.mode = RetentionMode{in.fixed<std::uint8_t>()};
  lock.days = decode_u32(in);
  lock.years = decode_u32(in);
  const int periods = (lock.days != 0 ? 1 : 0) + (lock.years != 0 ? 1 : 0);
  const int wanted = lock.mode == RetentionMode::kNone ? 0 : 1;
  if (lock.mode > RetentionMode::kCompliance || periods != wanted) spoil(in);
  return lock;
}

}  // namespace

Result<BucketEntry> decode_bucket(std::string_view row) {
  ByteReader in(row);
  KELP_TRY(const std::uint8_t format, take_format(in, kBucketFormat, "bucket row"));
  BucketEntry bucket;
  bucket.id = BucketId(in.varint());
  bucket.created = decode_time(in);
  bucket.owner_id = decode_owner(in);
  bucket.region = in.text();
  bucket.name = in.text();
  if (format >= kQuotaBucketFormat) {
    bucket.quota.max_bytes = in.varint();
    bucket.quota.max_objects = in.varint();
    bucket.quota.id = in.varint();
  }
  if (format >= kFullBucketFormat) {
    bucket.versioning = Versioning{in.fixed<std::uint8_t>()};
    bucket.events.keep_seconds = static_cast<std::uint32_t>(in.varint());
    bucket.events.log = in.varint();
  }
  if (format >= kClassBucketFormat) bucket.storage_class = decode_storage_class(in);
  if (format == kBucketFormat) bucket.lock = decode_bucket_lock(in);
  KELP_CHECK(in.finish("bucket row"));
  if (format == kClassBucketFormat && bucket.storage_class.empty()) {
    return Error(Errc::kCorruption, "bucket row: format 4 without a storage class");
  }
  if (format == kQuotaBucketFormat && !bucket.quota.limits()) {
    return Error(Errc::kCorruption, "bucket row: a quota without a limit");
  }
  if (bucket.versioning > Versioning::kSuspended) {
    return Error(Errc::kCorruption, "bucket row: an unknown state of versioning");
  }
  if (bucket.lock.enabled && bucket.versioning != Versioning::kEnabled) {
    return Error(Errc::kCorruption, "bucket row: a lock without versions");
  }
  if ((bucket.events.log == 0) != (bucket.events.keep_seconds == 0)) {
    return Error(Errc::kCorruption, "bucket row: events that are kept in no log, or for no time");
  }
  if (format == kFullBucketFormat && bucket.versioning == Versioning::kNever &&
      bucket.events.log == 0) {
    return Error(Errc::kCorruption, "bucket row: format 3 without versions and events");
  }
  return bucket;
}

}  // namespace kelp
