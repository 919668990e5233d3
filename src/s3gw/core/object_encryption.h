#pragma once

#include <string>

#include "s3gw/s3_error.h"
#include "wire/encryption.h"

namespace kelp::s3 {

/// Reads an ObjectEncryption: SSE-KMS, with a key's ARN and perhaps a bucket key. MalformedXML;
/// InvalidRequest, with AWS's texts, for SSE-S3 and for a key that is no ARN.
///
/// Source   UpdateObjectEncryption in AWS's API reference.
[[nodiscard]] S3Result<Encryption> parse_object_encryption(std::string body);

/// InvalidRequest, with AWS's texts, for an object whose key cannot be wrapped anew.
[[nodiscard]] S3Result<void> check_rewrap(const Encryption& encryption);

}  // namespace kelp::s3
