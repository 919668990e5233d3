#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "crypto/digest.h"

namespace kelp::s3 {

/// How the body travels and what of it is signed: x-amz-content-sha256.
enum class PayloadMode : std::uint8_t {
  kUnsigned,                  ///< UNSIGNED-PAYLOAD, and presigned requests that say nothing.
  kSigned,                    ///< The body's SHA-256 in hex.
  kStreamingSigned,           ///< STREAMING-AWS4-HMAC-SHA256-PAYLOAD
  kStreamingSignedTrailer,    ///< STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER
  kStreamingUnsignedTrailer,  ///< STREAMING-UNSIGNED-PAYLOAD-TRAILER
};

/// Whether the body is aws-chunked.
[[nodiscard]] constexpr bool is_streaming(PayloadMode mode) {
  return mode >= PayloadMode::kStreamingSigned;
}
/// Whether each chunk carries a signature.
[[nodiscard]] constexpr bool has_chunk_signatures(PayloadMode mode) {
  return mode == PayloadMode::kStreamingSigned || mode == PayloadMode::kStreamingSignedTrailer;
}
/// Whether the body may end with trailers.
[[nodiscard]] constexpr bool has_trailers(PayloadMode mode) {
  return mode == PayloadMode::kStreamingSignedTrailer ||
         mode == PayloadMode::kStreamingUnsignedTrailer;
}

/// A payload mode with the hash that kSigned claims.
struct PayloadClaim {
  PayloadMode mode = PayloadMode::kUnsigned;
  Sha256 sha256{};  ///< kSigned only.
};

/// Reads x-amz-content-sha256. Nothing when it is none of the five (upper-case hex is taken too).
[[nodiscard]] std::optional<PayloadClaim> parse_payload_claim(std::string_view text);

}  // namespace kelp::s3
