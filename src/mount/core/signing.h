#pragma once

#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace kelp::mount {

/// Whose requests they are.
struct SigningKeys {
  std::string access_key;
  std::string secret_key;  ///< Never logged, never sent.
  std::string region = "us-east-1";
};

/// A request as it goes out. Names of headers are lower-case; each stands there once.
struct OutgoingRequest {
  std::string method;
  std::string path;   ///< "/bucket/key", percent-encoded.
  std::string query;  ///< Percent-encoded, without the question mark.
  std::vector<std::pair<std::string, std::string>> headers;
  std::string payload_hash;  ///< The body's SHA-256 in lower-case hex; empty: it is not signed.
};

/// Adds `host`, `x-amz-date`, `x-amz-content-sha256` and `authorization`, by Signature Version 4
/// (s3gw/core/sigv4.h); every header is signed. Who does not sign a body sends a checksum with it.
void sign(const SigningKeys& keys, const std::string& host, std::chrono::sys_seconds now,
          OutgoingRequest& request);

}  // namespace kelp::mount
