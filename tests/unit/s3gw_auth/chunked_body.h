#pragma once

#include <algorithm>
#include <string>
#include <string_view>

#include "base/encoding.h"
#include "s3gw/core/chunked_signature.h"
#include "s3gw/core/sigv4.h"
#include "tests/unit/s3gw_auth/signed_request.h"

namespace kelp::s3 {

inline Sha256 key_of(std::string_view credential) {
  SigV4Scope scope;
  (void)parse_credential(credential, scope);
  return derive_signing_key(kSecretKey, scope);
}

/// The context of the examples in AWS's documentation.
inline ChunkSigning documented_signing(std::string_view seed) {
  return {.signing_key = key_of("AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request"),
          .date = "20130524T000000Z",
          .scope = "20130524/us-east-1/s3/aws4_request",
          .seed_signature = std::string(seed)};
}

inline std::string hex_size(std::size_t size) {
  std::string text;
  do {
    text.insert(text.begin(), "0123456789abcdef"[size % 16]);
    size /= 16;
  } while (size != 0);
  return text;
}

/// Writes an aws-chunked body, signed when `signing` is given.
class ChunkedBody {
 public:
  explicit ChunkedBody(const ChunkSigning* signing) : signing_(signing) {
    if (signing_ != nullptr) previous_ = signing_->seed_signature;
  }
  ChunkedBody& chunk(std::string_view data) {
    header(data);
    text.append(data).append("\r\n");
    return *this;
  }
  ChunkedBody& all(std::string_view data, std::size_t chunk_bytes) {
    while (!data.empty()) {
      chunk(data.substr(0, chunk_bytes));
      data.remove_prefix(std::min(chunk_bytes, data.size()));
    }
    return *this;
  }
  /// The last chunk, up to where trailers may follow.
  ChunkedBody& zero() {
    header("");
    return *this;
  }
  ChunkedBody& trailer(std::string_view name, std::string_view value) {
    text.append(name).append(":").append(value).append("\r\n");
    trailers_.append(name).append(":").append(value).append("\n");
    return *this;
  }
  ChunkedBody& sign_trailers() {
    text.append("x-amz-trailer-signature:")
        .append(trailer_signature(*signing_, previous_, trailers_))
        .append("\r\n");
    return *this;
  }
  ChunkedBody& end() {
    text.append("\r\n");
    return *this;
  }
  std::string text;

 private:
  void header(std::string_view data) {
    text.append(hex_size(data.size()));
    if (signing_ != nullptr) {
      previous_ = chunk_signature(*signing_, previous_, sha256(data));
      text.append(";chunk-signature=").append(previous_);
    }
    text.append("\r\n");
  }
  const ChunkSigning* signing_;
  std::string previous_;
  std::string trailers_;
};

}  // namespace kelp::s3
