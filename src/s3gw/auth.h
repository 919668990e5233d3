#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/http_header.h"
#include "s3gw/core/chunked_signature.h"
#include "s3gw/core/credentials.h"
#include "s3gw/core/external_url.h"
#include "s3gw/core/payload_mode.h"
#include "s3gw/s3_error.h"

namespace kelp::s3 {

/// The request as the client signed it. Views must live through the call only.
struct AuthRequest {
  std::string_view method;
  std::string_view target;  ///< Path and query as received, never decoded.
  std::span<const HttpHeader> headers;
  /// The bucket that the Host names (virtual-hosted style), which only SigV2 signs; empty for path
  /// style.
  std::string_view virtual_bucket;
};

/// How signatures are judged besides being right.
struct AuthOptions {
  std::string region;          ///< The only region whose signatures are taken; empty: any.
  std::string service = "s3";  ///< The service that signatures must name.
  /// The SHA-256 of the body in hex, when it is known already: what counts then, and not a header.
  std::string payload_hash = {};
  bool header_v2 = false;  ///< SigV2 in the Authorization header is taken, too.
  /// Addresses whose host and path signatures may have; must outlive the call.
  std::span<const ExternalUrl> external = {};
};

/// How a request proved who sent it.
enum class AuthKind : std::uint8_t {
  kAnonymous,
  kHeaderV4,
  kPresignedV4,
  kPresignedV2,
  kFormV4,
  kFormV2,
  kHeaderV2
};

/// Whether it is a signature of version 2.
[[nodiscard]] constexpr bool is_v2(AuthKind kind) {
  return kind == AuthKind::kPresignedV2 || kind == AuthKind::kFormV2 || kind == AuthKind::kHeaderV2;
}
/// Whether the signature is in the Authorization header.
[[nodiscard]] constexpr bool is_in_header(AuthKind kind) {
  return kind == AuthKind::kHeaderV4 || kind == AuthKind::kHeaderV2;
}

/// Who asks, proven, and what that proof says of the body.
struct Authenticated {
  AuthKind kind = AuthKind::kAnonymous;
  /// Whose key signed. Null for anonymous; else valid as long as this, or a copy of it.
  const Credential* credential = nullptr;
  PayloadClaim payload;
  /// For the signed streaming modes: what the chunks are verified with.
  std::optional<ChunkSigning> chunk_signing;
  /// Presigned only: the x-amz-* (SigV2: also content-type, content-md5) parameters of the query
  /// that stand for headers which were not sent: lower-case names, decoded values. They are signed.
  std::vector<std::pair<std::string, std::string>> hoisted;
  std::shared_ptr<const Credential> held = {};  ///< What `credential` points to.
  bool express = false;  ///< Signed for S3 Express One Zone: directory buckets are meant.
};

inline constexpr std::chrono::seconds kMaxClockSkew{900};
inline constexpr std::chrono::seconds kMaxPresignedLife{604'800};

/// Proves who sent a request: SigV4 in the Authorization header or the query, SigV2 in the query
/// and, where AuthOptions lets it, in the header.
/// A request without any of these is kAnonymous and not an error: the caller decides what an
/// anonymous may do (by default nothing: AccessDenied). Reads no body. Costs 2 to 3 us; keeps the
/// signing keys of a thread's last users. Thread-safe.
///
/// `now`   the wall clock: a signature's time may differ by kMaxClockSkew, a presigned one lives as
///         long as it says, at most kMaxPresignedLife.
/// Errors  AccessDenied, AuthorizationHeaderMalformed, AuthorizationQueryParametersError,
///         ExpiredToken, InvalidAccessKeyId, InvalidArgument, InvalidRequest (SigV2 in the header,
///         no x-amz-content-sha256), InvalidToken (not the one of this key), InvalidURI,
///         RequestTimeTooSkewed, SignatureDoesNotMatch; with AWS's texts and fields.
[[nodiscard]] S3Result<Authenticated> authenticate(const AuthRequest& request,
                                                   const CredentialStore& store, WallTime now,
                                                   const AuthOptions& options);

}  // namespace kelp::s3
