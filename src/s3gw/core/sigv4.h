#pragma once

#include <chrono>
#include <span>
#include <string>
#include <string_view>

#include "base/http_header.h"
#include "crypto/digest.h"
#include "s3gw/core/external_url.h"
#include "s3gw/s3_error.h"

// AWS Signature Version 4 for S3, as values: how a request becomes the text that is signed. Source:
// "Authenticating Requests (AWS Signature Version 4)" of the S3 API reference. auth.h puts it
// together and decides.

namespace kelp::s3 {

inline constexpr std::string_view kSigV4Algorithm = "AWS4-HMAC-SHA256";

/// The Credential: whose key, and what the signature is good for. Views into the request.
struct SigV4Scope {
  std::string_view access_key;
  std::string_view date;  ///< "20130524".
  std::string_view region;
  std::string_view service;   ///< "s3".
  std::string_view terminal;  ///< "aws4_request".
  std::string_view text;      ///< All but the access key: "20130524/us-east-1/s3/aws4_request".
};

/// What a request claims about its signature. Views into the request.
struct SigV4Claim {
  SigV4Scope scope;
  std::string_view signed_headers;  ///< "host;x-amz-date".
  std::string_view signature;
};

/// Takes "AKID/20130524/us-east-1/s3/aws4_request" apart, from the right: an access key may hold
/// slashes. Only the shape is checked. False when a part is missing or too long.
[[nodiscard]] bool parse_credential(std::string_view text, SigV4Scope& scope);

/// Takes an Authorization header of SigV4 apart. AuthorizationHeaderMalformed with AWS's texts.
[[nodiscard]] S3Result<SigV4Claim> parse_authorization(std::string_view value);

/// What the canonical request is made of.
struct SigV4Request {
  std::string_view method;
  std::string_view path;   ///< As received, still encoded.
  std::string_view query;  ///< As received, without the question mark.
  std::span<const HttpHeader> headers;
  std::string_view signed_headers;
  std::string_view payload_hash;
  const ExternalUrl* external = nullptr;  ///< Instead of the Host that was received; null: none.
};

/// How to write an encoded slash (%2F) in the path: as sent, or as the slash that it stands for.
/// Clients differ; both name the same key.
enum class EncodedSlash { kKept, kDecoded };

/// Appends the canonical request. Each byte of path and query is decoded and encoded again once,
/// nothing is normalised: `//`, `.` and `..` stay. X-Amz-Signature is left out of the query.
/// Errors  InvalidURI for a broken percent escape.
[[nodiscard]] S3Result<void> append_canonical_request(const SigV4Request& request,
                                                      EncodedSlash slash, std::string& out);

/// Checks that SignedHeaders names each header once and that `host` and every x-amz-* header
/// received is among them; a presigned request may add x-amz-content-sha256 and x-amz-user-agent
/// unsigned. AccessDenied with the field HeadersNotSigned, or `malformed` (by the kind of request)
/// for a bad list.
[[nodiscard]] S3Result<void> check_signed_headers(const SigV4Request& request, bool presigned);

/// Appends the string to sign over a canonical request.
/// `date`  as signed, "20130524T000000Z".
void append_string_to_sign(std::string_view date, std::string_view scope_text,
                           std::string_view canonical_request, std::string& out);

/// The key of a day, region and service.
[[nodiscard]] Sha256 derive_signing_key(std::string_view secret_key, const SigV4Scope& scope);

/// Percent-decodes and encodes again, once (AWS's UriEncode). False for a broken escape.
enum class UriPart { kPath, kQuery };
[[nodiscard]] bool append_uri_canonical(std::string_view raw, UriPart part, EncodedSlash slash,
                                        std::string& out);

/// Appends 64 hex digits.
void append_hex(const Sha256& digest, std::string& out);

}  // namespace kelp::s3
