#include <algorithm>
#include <array>
#include <charconv>
#include <functional>

#include "base/encoding.h"
#include "s3gw/auth_common.h"
#include "s3gw/core/header_text.h"
#include "s3gw/core/http_date.h"
#include "s3gw/core/sigv4.h"
#include "s3gw/s3_try.h"

namespace kelp::s3 {
namespace {

using std::chrono::sys_seconds;

// Signing keys of this thread's last users: four HMACs saved per request. Direct-mapped, so small
// and bounded; the secret is compared too, so a changed one never meets its old key.
struct CachedKey {
  std::string secret_key;
  std::string scope;
  Sha256 key{};
};

Sha256 signing_key(const Credential& credential, const SigV4Scope& scope) {
  thread_local std::array<CachedKey, 64> cache;
  const std::size_t hash =
      std::hash<std::string_view>{}(scope.access_key) ^ std::hash<std::string_view>{}(scope.text);
  CachedKey& slot = cache[hash % cache.size()];
  if (slot.scope != scope.text || slot.secret_key != credential.secret_key) {
    slot.key = derive_signing_key(credential.secret_key, scope);
    slot.scope = scope.text;
    slot.secret_key = credential.secret_key;
  }
  return slot.key;
}

// Services that SDKs sign for when another endpoint of AWS's would answer; they get a true answer.
bool is_kin(std::string_view service) {
  return service == "s3express" || service == "s3-object-lambda";
}

// How AWS words a wrong scope: differently for a header and for a query.
S3Result<void> check_scope(const SigV4Scope& scope, std::string_view date, bool presigned,
                           const AuthOptions& options) {
  const auto wrong = [&](const std::string& what, AuthFields fields = {}) {
    return refused(presigned ? S3Code::kAuthorizationQueryParametersError
                             : S3Code::kAuthorizationHeaderMalformed,
                   (presigned ? "Error parsing the X-Amz-Credential parameter; "
                              : "The authorization header is malformed; ") +
                       what,
                   std::move(fields));
  };
  if (scope.terminal != "aws4_request") {
    return wrong("incorrect terminal \"" + std::string(scope.terminal) +
                 "\". This endpoint uses \"aws4_request\".");
  }
  if (scope.service != options.service && !(options.service == "s3" && is_kin(scope.service))) {
    return wrong("incorrect service \"" + std::string(scope.service) +
                 "\". This endpoint belongs to \"" + options.service + "\".");
  }
  if (!options.region.empty() && scope.region != options.region) {
    return wrong("the region '" + std::string(scope.region) + "' is wrong; expecting '" +
                     options.region + "'",
                 {{"Region", options.region}});
  }
  if (scope.date != date.substr(0, 8)) {
    if (!parse_basic_date(std::string(scope.date) + "T000000Z")) {
      return wrong("incorrect date format \"" + std::string(scope.date) +
                   "\". This date in the credential must be in the format \"yyyyMMdd\".");
    }
    return wrong("Invalid credential date \"" + std::string(scope.date) +
                 "\". This date is not the same as X-Amz-Date: \"" +
                 std::string(date.substr(0, 8)) + "\".");
  }
  return {};
}

// Everything that is left once the claim is read: the canonical request and the signature.
struct Proof {
  const SigV4Claim& claim;
  const Credential& credential;
  std::string_view date;
  SigV4Request request;
};

// Makes the texts of one way to sign the request and says whether it was that.
S3Result<bool> is_signed_so(const Proof& proof, const SigV4Request& request, EncodedSlash slash,
                            const Sha256& key, std::string& canonical, std::string& to_sign) {
  canonical.clear();
  to_sign.clear();
  KELP_S3_CHECK(append_canonical_request(request, slash, canonical));
  append_string_to_sign(proof.date, proof.claim.scope.text, canonical, to_sign);
  std::string expected;
  append_hex(hmac_sha256(view(key), to_sign), expected);
  return equal_constant_time(expected, proof.claim.signature);
}

// `external`: addresses that the client may have meant. What an error shows is as it was received.
S3Result<void> verify(const Proof& proof, const Sha256& key,
                      std::span<const ExternalUrl> external) {
  thread_local std::string canonical;
  thread_local std::string to_sign;
  // A path with %2F is tried both ways: clients differ in what they sign.
  const bool encoded_slash = proof.request.path.find("%2F") != std::string_view::npos ||
                             proof.request.path.find("%2f") != std::string_view::npos;
  SigV4Request request = proof.request;
  for (std::size_t i = 0; i <= external.size(); ++i) {
    request.external = i == 0 ? nullptr : &external[i - 1];
    for (const EncodedSlash slash : {EncodedSlash::kDecoded, EncodedSlash::kKept}) {
      if (slash == EncodedSlash::kDecoded && !encoded_slash) continue;
      KELP_S3_TRY(const bool good, is_signed_so(proof, request, slash, key, canonical, to_sign));
      if (good) return {};
    }
  }
  if (!external.empty()) {
    KELP_S3_CHECK(is_signed_so(proof, proof.request, EncodedSlash::kKept, key, canonical, to_sign));
  }
  AuthFields fields = mismatch_fields(proof.claim.scope.access_key, to_sign, proof.claim.signature);
  if (canonical.size() <= kMaxEchoedBytes) {
    fields.emplace_back("CanonicalRequest", canonical);
    fields.emplace_back("CanonicalRequestBytes", spaced_hex(canonical));
  }
  return refused(S3Code::kSignatureDoesNotMatch, {}, std::move(fields));
}

std::optional<ChunkSigning> make_chunk_signing(const Proof& proof, const Sha256& key,
                                               PayloadMode mode) {
  if (!has_chunk_signatures(mode)) return std::nullopt;
  return ChunkSigning{.signing_key = key,
                      .date = std::string(proof.date),
                      .scope = std::string(proof.claim.scope.text),
                      .seed_signature = std::string(proof.claim.signature)};
}

// The time of a header-signed request, as the text that is signed: X-Amz-Date, else Date.
struct SignedTime {
  sys_seconds time;
  std::string text;
};

S3Result<SignedTime> signed_time(const AuthHeaders& headers) {
  if (const auto time = parse_basic_date(headers.amz_date)) {
    return SignedTime{*time, std::string(headers.amz_date)};
  }
  if (headers.amz_date.empty()) {
    auto time = parse_http_date(headers.date);
    if (!time) time = parse_basic_date(headers.date);
    if (time) return SignedTime{*time, basic_date(*time)};
  }
  return refused(S3Code::kAccessDenied,
                 "AWS authentication requires a valid Date or x-amz-date header");
}

std::unexpected<S3Error> bad_query(std::string message = {}) {
  return s3_error(S3Code::kAuthorizationQueryParametersError, std::move(message));
}

// X-Amz-Expires and what it means now.
S3Result<void> check_life(std::string_view expires, sys_seconds signed_at, sys_seconds now) {
  std::int64_t seconds = 0;
  const auto [end, status] =
      std::from_chars(expires.data(), expires.data() + expires.size(), seconds);
  const bool whole = end == expires.data() + expires.size();
  if (status == std::errc::invalid_argument || !whole) {
    return bad_query("X-Amz-Expires should be a number");
  }
  if (expires.starts_with('-') || (status == std::errc() && seconds == 0)) {
    return bad_query("X-Amz-Expires must be non-negative");
  }
  if (status != std::errc() || seconds > kMaxPresignedLife.count()) {
    return bad_query(
        "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires "
        "must be less than 604800 seconds");
  }
  if (signed_at > now + kMaxClockSkew) {
    return refused(S3Code::kAccessDenied, "Request is not yet valid",
                   {{"X-Amz-Date", basic_date(signed_at)}, {"ServerTime", iso8601_seconds(now)}});
  }
  const sys_seconds end_of_life = signed_at + std::chrono::seconds(seconds);
  if (now > end_of_life) {
    return refused(S3Code::kAccessDenied, "Request has expired",
                   {{"X-Amz-Expires", std::string(expires)},
                    {"Expires", iso8601_seconds(end_of_life)},
                    {"ServerTime", iso8601_seconds(now)}});
  }
  return {};
}

// The six parameters of a SigV4 presigned query.
struct PresignedV4 {
  SigV4Claim claim;
  std::string_view date;
  std::string_view expires;
  sys_seconds signed_at;
};

S3Result<PresignedV4> read_presigned(const QueryParameters& parameters) {
  const auto* algorithm = find_parameter(parameters, "X-Amz-Algorithm");
  const auto* credential = find_parameter(parameters, "X-Amz-Credential");
  const auto* date = find_parameter(parameters, "X-Amz-Date");
  const auto* expires = find_parameter(parameters, "X-Amz-Expires");
  const auto* signed_headers = find_parameter(parameters, "X-Amz-SignedHeaders");
  const auto* signature = find_parameter(parameters, "X-Amz-Signature");
  for (const auto* parameter : {algorithm, credential, date, expires, signed_headers, signature}) {
    if (parameter == nullptr || parameter->empty()) return bad_query();
  }
  if (*algorithm != kSigV4Algorithm) {
    return bad_query("X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\"");
  }
  PresignedV4 presigned;
  if (!parse_credential(*credential, presigned.claim.scope)) {
    return bad_query(
        "Error parsing the X-Amz-Credential parameter; the Credential is mal-formed; expecting "
        "\"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".");
  }
  const auto signed_at = parse_basic_date(*date);
  if (!signed_at) {
    return bad_query("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"");
  }
  presigned.signed_at = *signed_at;
  presigned.date = *date;
  presigned.expires = *expires;
  presigned.claim.signed_headers = *signed_headers;
  presigned.claim.signature = *signature;
  return presigned;
}

}  // namespace

S3Result<Authenticated> authenticate_header(const AuthRequest& request, const AuthHeaders& headers,
                                            const CredentialStore& store, sys_seconds now,
                                            const AuthOptions& options) {
  if (headers.authorization.starts_with("AWS ")) {
    if (options.header_v2) return authenticate_header_v2(request, headers, store, now);
    return refused(S3Code::kInvalidRequest,
                   "The authorization mechanism you have provided is not supported. Please use "
                   "AWS4-HMAC-SHA256.");
  }
  if (!headers.authorization.starts_with("AWS4-HMAC-SHA256 ")) {
    // The scheme alone: what follows may be a password.
    std::string_view scheme = headers.authorization.substr(0, 64);
    return refused(
        S3Code::kInvalidArgument, "Unsupported Authorization Type",
        {{"ArgumentName", "Authorization"}, {"ArgumentValue", std::string(cut(scheme, ' '))}});
  }
  auto claim = parse_authorization(headers.authorization);
  if (!claim) return std::unexpected(std::move(claim).error());
  auto time = signed_time(headers);
  if (!time) return std::unexpected(std::move(time).error());
  if (auto ok = check_scope(claim->scope, time->text, false, options); !ok) {
    return std::unexpected(std::move(ok).error());
  }
  auto credential = find_credential(store, claim->scope.access_key, headers.token);
  if (!credential) return std::unexpected(std::move(credential).error());
  if (auto ok = check_skew(time->time, time->text, now); !ok) {
    return std::unexpected(std::move(ok).error());
  }
  if (auto ok = check_token(**credential, headers.token, now); !ok) {
    return std::unexpected(std::move(ok).error());
  }
  const std::string_view payload_hash =
      options.payload_hash.empty() ? headers.content_sha256 : options.payload_hash;
  if (payload_hash.empty()) {
    return refused(S3Code::kInvalidRequest,
                   "Missing required header for this request: x-amz-content-sha256");
  }
  auto payload = read_payload(payload_hash);
  if (!payload) return std::unexpected(std::move(payload).error());

  const auto [path, query] = split_target(request.target);
  const Proof proof{.claim = *claim,
                    .credential = **credential,
                    .date = time->text,
                    .request = {.method = request.method,
                                .path = path,
                                .query = query,
                                .headers = request.headers,
                                .signed_headers = claim->signed_headers,
                                .payload_hash = payload_hash}};
  if (auto ok = check_signed_headers(proof.request, false); !ok) {
    return std::unexpected(std::move(ok).error());
  }
  const Sha256 key = signing_key(**credential, claim->scope);
  if (auto ok = verify(proof, key, options.external); !ok)
    return std::unexpected(std::move(ok).error());
  return Authenticated{.kind = AuthKind::kHeaderV4,
                       .credential = credential->get(),
                       .payload = *payload,
                       .chunk_signing = make_chunk_signing(proof, key, payload->mode),
                       .hoisted = {},
                       .held = *std::move(credential),
                       .express = claim->scope.service == "s3express"};
}

S3Result<Authenticated> authenticate_presigned_v4(const AuthRequest& request,
                                                  const AuthHeaders& headers, AuthTarget target,
                                                  const CredentialStore& store, sys_seconds now,
                                                  const AuthOptions& options) {
  auto parameters = decode_query(target.query);
  if (!parameters) return std::unexpected(std::move(parameters).error());
  auto presigned = read_presigned(*parameters);
  if (!presigned) return std::unexpected(std::move(presigned).error());
  const SigV4Claim& claim = presigned->claim;
  if (auto ok = check_scope(claim.scope, presigned->date, true, options); !ok) {
    return std::unexpected(std::move(ok).error());
  }
  const auto* in_query = find_parameter(*parameters, "X-Amz-Security-Token");
  const std::string_view token = in_query != nullptr ? std::string_view(*in_query) : headers.token;
  auto credential = find_credential(store, claim.scope.access_key, token);
  if (!credential) return std::unexpected(std::move(credential).error());
  if (auto ok = check_life(presigned->expires, presigned->signed_at, now); !ok) {
    return std::unexpected(std::move(ok).error());
  }
  if (auto ok = check_token(**credential, token, now); !ok) {
    return std::unexpected(std::move(ok).error());
  }
  // Whatever is said of the body is part of what is signed.
  std::string_view payload_hash = headers.content_sha256;
  if (const auto* hash = find_parameter(*parameters, "X-Amz-Content-Sha256")) payload_hash = *hash;
  if (payload_hash.empty()) payload_hash = "UNSIGNED-PAYLOAD";
  if (!options.payload_hash.empty()) payload_hash = options.payload_hash;
  auto payload = read_payload(payload_hash);
  if (!payload) return std::unexpected(std::move(payload).error());

  const Proof proof{.claim = claim,
                    .credential = **credential,
                    .date = presigned->date,
                    .request = {.method = request.method,
                                .path = target.path,
                                .query = target.query,
                                .headers = request.headers,
                                .signed_headers = claim.signed_headers,
                                .payload_hash = payload_hash}};
  if (auto ok = check_signed_headers(proof.request, true); !ok) {
    return std::unexpected(std::move(ok).error());
  }
  const Sha256 key = signing_key(**credential, claim.scope);
  if (auto ok = verify(proof, key, options.external); !ok)
    return std::unexpected(std::move(ok).error());
  Authenticated result{.kind = AuthKind::kPresignedV4,
                       .credential = credential->get(),
                       .payload = *payload,
                       .chunk_signing = make_chunk_signing(proof, key, payload->mode),
                       .hoisted = {},
                       .held = *std::move(credential)};
  result.hoisted = hoisted_headers(request, *std::move(parameters), false);
  return result;
}

}  // namespace kelp::s3
