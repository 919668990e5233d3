#pragma once

#include <vector>

#include "client/filer_client.h"
#include "s3gw/call.h"

namespace kelp::s3 {

/// Refuses headers that ask for what is not done here: who promised it by a 200 would lie.
/// NotImplemented with the header's name.
[[nodiscard]] S3Result<void> refuse_headers(const Call& call,
                                            std::span<const std::string_view> names);

/// If-Match and If-None-Match of a write. NotImplemented for what AWS does not take either: an
/// If-None-Match other than "*".
[[nodiscard]] S3Result<WriteConditions> write_conditions(const Call& call);

/// The error of a conditional write, with the Condition that failed.
[[nodiscard]] S3Error write_error(const Error& error, const WriteConditions& conditions);

/// Adds x-amz-checksum-… and x-amz-checksum-type.
void add_checksums(const std::vector<Checksum>& checksums, HttpResponse& response);

/// A 412 that names the header that failed.
[[nodiscard]] S3Error precondition_failed(std::string_view condition);

/// That a lock which is asked for can be: InvalidRequest when the bucket has none; InvalidArgument
/// as check_retention().
[[nodiscard]] S3Result<void> check_lock(const Call& call, const BucketEntry& bucket,
                                        const ObjectLock& lock);
/// x-amz-bypass-governance-retention.
[[nodiscard]] bool bypasses_governance(const Call& call);
/// The error of a lock in a bucket that has none.
[[nodiscard]] S3Error no_object_lock();
/// Whether the request has a Content-MD5 or a checksum of its body, or promises one behind it.
[[nodiscard]] bool has_body_checksum(const Call& call);

/// The storage class of the bucket, for an object whose request names none.
void take_default_class(const Call& call, const BucketEntry& bucket, ObjectHeaders& headers);

}  // namespace kelp::s3
