#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/http_header.h"

// AWS Signature Version 2: in a query boto3 and AWS CLI 1 still presign with it on a custom
// endpoint; in a header only old clients sign with it. Source: "Signing and Authenticating REST
// Requests" of the S3 developer guide.

namespace kelp::s3 {

/// What the string to sign is made of.
struct SigV2Request {
  std::string_view method;
  std::string_view path;            ///< As received, still encoded.
  std::string_view virtual_bucket;  ///< The bucket that the Host names; empty for path style.
  /// The Expires parameter, seconds since 1970; else the Date header, empty beside an x-amz-date.
  std::string_view time;
  /// The query's parameters, decoded, in the order received.
  std::span<const std::pair<std::string, std::string>> parameters;
  std::span<const HttpHeader> headers;
};

/// The string that a SigV2 request signs. Headers that the client moved into the query
/// (x-amz-*, content-type, content-md5) count as headers.
[[nodiscard]] std::string sigv2_string_to_sign(const SigV2Request& request);

/// base64(HMAC-SHA1(secret, text)).
[[nodiscard]] std::string sigv2_signature(std::string_view secret_key, std::string_view text);

}  // namespace kelp::s3
