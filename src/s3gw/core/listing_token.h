#pragma once

#include <string>
#include <string_view>

#include "s3gw/s3_error.h"

namespace kelp::s3 {

/// The opaque token of a listing that carries on after `start_after`: base64 of a version byte and
/// the bytes themselves. ListObjectsV2 and ListBuckets.
[[nodiscard]] std::string make_listing_token(std::string_view start_after);

/// What make_listing_token() was given. InvalidArgument, as AWS words it, for anything else.
[[nodiscard]] S3Result<std::string> read_listing_token(std::string_view token);

}  // namespace kelp::s3
