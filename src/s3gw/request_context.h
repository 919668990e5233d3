#pragma once

#include "policy/context.h"
#include "s3gw/bucket_access.h"
#include "s3gw/call.h"

namespace kelp::s3 {

/// What policies may ask of a request under the names of condition keys: who asks, from where,
/// when, and what the request says of itself.
///
/// Source   IAM User Guide, "AWS global condition context keys"; Service Authorization Reference,
///          "Condition keys for Amazon S3".
[[nodiscard]] policy::Context request_context(const Call& call, std::string_view owner_number);

/// Adds s3:ExistingObjectTag/NAME of the version that the request names.
void add_existing_tags(const ObjectEntry& entry, policy::Context& context);

/// Adds the bucket's tags where they count, aws:ResourceTag/NAME and s3:BucketTag/NAME: of requests
/// about the bucket and about what is in it.
///
/// Source   S3 User Guide, "Using tags with S3 general purpose buckets".
void add_bucket_tags(const BucketAccess& access, policy::Context& context);

}  // namespace kelp::s3
