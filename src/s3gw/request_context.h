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

}  // namespace kelp::s3
