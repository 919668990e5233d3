#include "s3gw/write_headers.h"

#include <algorithm>

#include "s3gw/core/checksum.h"
#include "s3gw/core/header_text.h"
#include "s3gw/core/object_lock.h"
#include "s3gw/core/request_xml.h"
#include "s3gw/s3_try.h"

namespace kelp::s3 {

S3Result<WriteConditions> write_conditions(const Call& call) {
  WriteConditions conditions;
  if (const auto none = call.header("if-none-match")) {
    if (unquote_etag(*none) != "*") {
      return std::unexpected(S3Error{S3Code::kNotImplemented, {}, {{"Header", "If-None-Match"}}});
    }
    conditions.if_none_match_any = true;
  }
  if (const auto match = call.header("if-match")) {
    if (conditions.if_none_match_any) {
      return std::unexpected(
          S3Error{S3Code::kNotImplemented, {}, {{"Header", "If-Match, If-None-Match"}}});
    }
    conditions.if_match = unquote_etag(*match);
  }
  return conditions;
}

S3Result<void> refuse_headers(const Call& call, std::span<const std::string_view> names) {
  for (const std::string_view name : names) {
    if (!call.header(name)) continue;
    return std::unexpected(S3Error{S3Code::kNotImplemented, {}, {{"Header", std::string(name)}}});
  }
  return {};
}

S3Error write_error(const Error& error, const WriteConditions& conditions) {
  if (error.reason() != Reason::kConditionFailed) return from_error(error);
  return precondition_failed(conditions.if_match ? "If-Match" : "If-None-Match");
}

void add_checksums(const std::vector<Checksum>& checksums, HttpResponse& response) {
  for (const Checksum& checksum : checksums) {
    response.add(header_of(checksum.algorithm), checksum_text(checksum));
  }
  if (!checksums.empty()) response.add("x-amz-checksum-type", name_of(checksums.front().type));
}

S3Error precondition_failed(std::string_view condition) {
  return {S3Code::kPreconditionFailed, {}, {{"Condition", std::string(condition)}}};
}

S3Error no_object_lock() {
  return {S3Code::kInvalidRequest, "Bucket is missing Object Lock Configuration", {}};
}

S3Result<void> check_lock(const Call& call, const BucketEntry& bucket, const ObjectLock& lock) {
  auto retained = check_retention(lock.retention, call.services.deps.clock.wall());
  if (!retained && lock.retention.mode != RetentionMode::kNone &&
      lock.retention.until != WallTime{}) {
    constexpr std::string_view kUntil = "x-amz-object-lock-retain-until-date";
    retained.error().fields = {{"ArgumentName", std::string(kUntil)},
                               {"ArgumentValue", std::string(call.header(kUntil).value_or(""))}};
  }
  KELP_S3_CHECK(std::move(retained));
  if (lock.any() && !bucket.lock.enabled) {
    // One word here, as AWS has it.
    return s3_error(S3Code::kInvalidRequest, "Bucket is missing ObjectLockConfiguration");
  }
  return {};
}

bool bypasses_governance(const Call& call) {
  const auto bypass = call.header("x-amz-bypass-governance-retention");
  return bypass && equals_lower(*bypass, "true");
}

bool has_body_checksum(const Call& call) {
  return std::ranges::any_of(call.headers, [](const HttpHeader& header) {
    return equals_lower(header.name, "content-md5") ||
           starts_with_lower(header.name, "x-amz-checksum-") ||
           (equals_lower(header.name, "x-amz-trailer") &&
            starts_with_lower(header.value, "x-amz-checksum-"));
  });
}

void take_default_class(const Call& call, const BucketEntry& bucket, ObjectHeaders& headers) {
  if (!bucket.storage_class.empty() && !call.header("x-amz-storage-class")) {
    headers.storage_class = bucket.storage_class;
  }
}

}  // namespace kelp::s3
