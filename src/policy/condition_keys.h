#pragma once

#include "kelp/error.h"
#include "policy/document.h"

namespace kelp::policy {

/// That the conditions of a new bucket policy are on keys that requests to a bucket have: of AWS,
/// of S3, or of an identity provider ("accounts.example.com:sub"); and those on a listing stand
/// where listing is spoken of. Policies of before keep their meaning without it. Errors
/// kInvalidArgument with AWS's words.
[[nodiscard]] Result<void> check_condition_keys(const Document& bucket_policy);

}  // namespace kelp::policy
