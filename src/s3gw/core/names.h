#pragma once

#include <string_view>

#include "s3gw/s3_error.h"

namespace kelp::s3 {

inline constexpr std::size_t kMaxKeyBytes = 1024;

/// True for well-formed UTF-8 (RFC 3629): no overlong forms, surrogates or values past U+10FFFF.
/// NUL is a character like any other.
[[nodiscard]] bool valid_utf8(std::string_view bytes);

/// Whether `name` could be a bucket's: 3 to 63 of a-z 0-9 - . that begin and end with a letter or
/// digit. No bucket has another name.
[[nodiscard]] bool plausible_bucket_name(std::string_view name);

/// Whether one may ask for a bucket of this name: AWS once gave names of 3 to 255 of A-Z a-z 0-9 -
/// _ . and still looks them up. What is not plausible_bucket_name() does not exist here:
/// NoSuchBucket, as clients expect who probe for buckets. Every plausible name can be asked for.
[[nodiscard]] bool bucket_name_to_look_up(std::string_view name);

/// The rules for a new bucket ("General purpose bucket naming rules" of the S3 user guide).
/// InvalidBucketName otherwise.
[[nodiscard]] S3Result<void> check_new_bucket_name(std::string_view name);

/// 1 to 1,024 bytes of UTF-8: KeyTooLongError with its fields, or InvalidURI.
[[nodiscard]] S3Result<void> check_key(std::string_view key);

}  // namespace kelp::s3
