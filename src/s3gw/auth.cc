#include "s3gw/auth.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <functional>

#include "base/encoding.h"
#include "s3gw/core/header_text.h"
#include "s3gw/core/http_date.h"
#include "s3gw/core/sigv2.h"
#include "s3gw/core/sigv4.h"

namespace kelp::s3 {
namespace {

using std::chrono::sys_seconds;
using Fields = std::vector<std::pair<std::string, std::string>>;
using Parameters = std::vector<std::pair<std::string, std::string>>;

constexpr std::size_t kMaxParameters = 1024;
// A longer canonical request is not repeated in the answer: each byte of it costs four there.
constexpr std::size_t kMaxEchoedBytes = 8192;

std::unexpected<S3Error> refused(S3Code code, std::string message, Fields fields = {}) {
  return std::unexpected(S3Error{code, std::move(message), std::move(fields)});
}

// The headers that authentication looks at, found in one pass.
struct AuthHeaders {
  std::string_view authorization;
  std::string_view amz_date;
  std::string_view date;
  std::string_view content_sha256;
  std::string_view token;
  bool repeated = false;  // one of the above stands there twice: whose word counts?
};

AuthHeaders find_auth_headers(std::span<const HttpHeader> headers) {
  AuthHeaders found;
  const auto set = [&](std::string_view& slot, const HttpHeader& header) {
    if (!slot.empty()) found.repeated = true;
    slot = header.value;
  };
  for (const HttpHeader& header : headers) {
    switch (header.name.size()) {
      case 4:
        if (equals_lower(header.name, "date")) set(found.date, header);
        break;
      case 10:
        if (equals_lower(header.name, "x-amz-date")) set(found.amz_date, header);
        break;
      case 13:
        if (equals_lower(header.name, "authorization")) set(found.authorization, header);
        break;
      case 20:
        if (equals_lower(header.name, "x-amz-content-sha256")) set(found.content_sha256, header);
        if (equals_lower(header.name, "x-amz-security-token")) set(found.token, header);
        break;
      default:
        break;
    }
  }
  return found;
}

struct Target {
  std::string_view path;
  std::string_view query;
};

Target split_target(std::string_view target) {
  const std::size_t at = target.find('?');
  if (at == std::string_view::npos) return {target, {}};
  return {target.substr(0, at), target.substr(at + 1)};
}

enum class QueryAuth { kNone, kV4, kV2 };

QueryAuth query_auth(std::string_view query) {
  auto found = QueryAuth::kNone;
  while (!query.empty()) {
    std::string_view parameter = cut(query, '&');
    const std::string_view name = cut(parameter, '=');
    if (name == "X-Amz-Algorithm" || name == "X-Amz-Signature" || name == "X-Amz-Credential") {
      return QueryAuth::kV4;
    }
    if (name == "Signature" || name == "AWSAccessKeyId") found = QueryAuth::kV2;
  }
  return found;
}

S3Result<Parameters> decode_query(std::string_view query) {
  Parameters parameters;
  while (!query.empty()) {
    std::string_view rest = cut(query, '&');
    if (rest.empty()) continue;
    if (parameters.size() == kMaxParameters) {
      return s3_error(S3Code::kInvalidRequest, "The request has too many query parameters.");
    }
    const std::string_view raw_name = cut(rest, '=');
    auto name = url_decode(raw_name, true);
    auto value = url_decode(rest, true);
    if (!name || !value) return s3_error(S3Code::kInvalidURI);
    parameters.emplace_back(*std::move(name), *std::move(value));
  }
  return parameters;
}

// The value of the parameter `name`, or null; the first of several.
const std::string* find_parameter(const Parameters& parameters, std::string_view name) {
  const auto at = std::ranges::find(parameters, name, &Parameters::value_type::first);
  return at == parameters.end() ? nullptr : &at->second;
}

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

std::string spaced_hex(std::string_view text) {
  const std::string hex = hex_encode(text);
  std::string out;
  out.reserve(hex.size() * 3 / 2);
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    if (i != 0) out.push_back(' ');
    out.append(hex, i, 2);
  }
  return out;
}

Fields mismatch_fields(std::string_view access_key, std::string_view string_to_sign,
                       std::string_view provided) {
  return {{"AWSAccessKeyId", std::string(access_key)},
          {"StringToSign", std::string(string_to_sign)},
          {"SignatureProvided", std::string(provided.substr(0, 256))},
          {"StringToSignBytes", spaced_hex(string_to_sign)}};
}

S3Result<const Credential*> find_credential(const CredentialStore& store,
                                            std::string_view access_key) {
  const Credential* credential = access_key.size() > 128 ? nullptr : store.find(access_key);
  if (credential == nullptr || credential->secret_key.empty()) {
    return refused(S3Code::kInvalidAccessKeyId, {},
                   {{"AWSAccessKeyId", std::string(access_key.substr(0, 128))}});
  }
  return credential;
}

// How AWS words a wrong scope: differently for a header and for a query.
S3Result<void> check_scope(const SigV4Scope& scope, std::string_view date, bool presigned,
                           const AuthOptions& options) {
  const auto wrong = [&](const std::string& what, Fields fields = {}) {
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
  if (scope.service != "s3") {
    return wrong("incorrect service \"" + std::string(scope.service) +
                 "\". This endpoint belongs to \"s3\".");
  }
  if (!options.region.empty() && scope.region != options.region) {
    return wrong("the region '" + std::string(scope.region) + "' is wrong; expecting '" +
                     options.region + "'",
                 {{"Region", options.region}});
  }
  if (scope.date != date.substr(0, 8)) {
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

S3Result<void> verify(const Proof& proof, const Sha256& key) {
  thread_local std::string canonical;
  thread_local std::string to_sign;
  // A path with %2F is tried both ways: clients differ in what they sign.
  const bool encoded_slash = proof.request.path.find("%2F") != std::string_view::npos ||
                             proof.request.path.find("%2f") != std::string_view::npos;
  for (const EncodedSlash slash : {EncodedSlash::kDecoded, EncodedSlash::kKept}) {
    if (slash == EncodedSlash::kDecoded && !encoded_slash) continue;
    canonical.clear();
    to_sign.clear();
    if (auto built = append_canonical_request(proof.request, slash, canonical); !built) {
      return built;
    }
    append_string_to_sign(proof.date, proof.claim.scope.text, canonical, to_sign);
    std::string expected;
    append_hex(hmac_sha256(view(key), to_sign), expected);
    if (equal_constant_time(expected, proof.claim.signature)) return {};
  }
  Fields fields = mismatch_fields(proof.claim.scope.access_key, to_sign, proof.claim.signature);
  if (canonical.size() <= kMaxEchoedBytes) {
    fields.emplace_back("CanonicalRequest", canonical);
    fields.emplace_back("CanonicalRequestBytes", spaced_hex(canonical));
  }
  return refused(S3Code::kSignatureDoesNotMatch, {}, std::move(fields));
}

S3Result<void> check_token(std::string_view token) {
  if (token.empty()) return {};
  return refused(S3Code::kInvalidToken, {}, {{"Token-0", std::string(token.substr(0, 256))}});
}

S3Result<PayloadClaim> read_payload(std::string_view text) {
  if (const auto claim = parse_payload_claim(text)) return *claim;
  return refused(S3Code::kInvalidArgument,
                 "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, "
                 "STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, "
                 "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid sha256 value.",
                 {{"ArgumentName", "x-amz-content-sha256"},
                  {"ArgumentValue", std::string(text.substr(0, 256))}});
}

std::optional<ChunkSigning> make_chunk_signing(const Proof& proof, const Sha256& key,
                                               PayloadMode mode) {
  if (!has_chunk_signatures(mode)) return std::nullopt;
  return ChunkSigning{.signing_key = key,
                      .date = std::string(proof.date),
                      .scope = std::string(proof.claim.scope.text),
                      .seed_signature = std::string(proof.claim.signature)};
}

// The parameters of a presigned query that stand for headers which are not there.
Parameters hoisted_headers(const AuthRequest& request, Parameters parameters, bool v2) {
  static constexpr std::array<std::string_view, 8> kOfSignature = {
      "x-amz-algorithm",     "x-amz-credential", "x-amz-date",           "x-amz-expires",
      "x-amz-signedheaders", "x-amz-signature",  "x-amz-security-token", "x-amz-content-sha256"};
  Parameters hoisted;
  for (auto& [name, value] : parameters) {
    std::ranges::transform(name, name.begin(), ascii_lower);
    const bool amz = name.starts_with("x-amz-");
    const bool content = v2 && (name == "content-type" || name == "content-md5");
    if ((!amz && !content) || std::ranges::find(kOfSignature, name) != kOfSignature.end() ||
        find_header(request.headers, name)) {
      continue;
    }
    hoisted.emplace_back(std::move(name), std::move(value));
  }
  return hoisted;
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

S3Result<Authenticated> authenticate_header(const AuthRequest& request, const AuthHeaders& headers,
                                            const CredentialStore& store, sys_seconds now,
                                            const AuthOptions& options) {
  if (headers.authorization.starts_with("AWS ")) {
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
  auto credential = find_credential(store, claim->scope.access_key);
  if (!credential) return std::unexpected(std::move(credential).error());
  if (std::chrono::abs(now - time->time) > kMaxClockSkew) {
    return refused(S3Code::kRequestTimeTooSkewed, {},
                   {{"RequestTime", time->text},
                    {"ServerTime", iso8601_seconds(now)},
                    {"MaxAllowedSkewMilliseconds", "900000"}});
  }
  if (auto ok = check_token(headers.token); !ok) return std::unexpected(std::move(ok).error());
  if (headers.content_sha256.empty()) {
    return refused(S3Code::kInvalidRequest,
                   "Missing required header for this request: x-amz-content-sha256");
  }
  auto payload = read_payload(headers.content_sha256);
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
                                .payload_hash = headers.content_sha256}};
  if (auto ok = check_signed_headers(proof.request, false); !ok) {
    return std::unexpected(std::move(ok).error());
  }
  const Sha256 key = signing_key(**credential, claim->scope);
  if (auto ok = verify(proof, key); !ok) return std::unexpected(std::move(ok).error());
  return Authenticated{.kind = AuthKind::kHeaderV4,
                       .credential = *credential,
                       .payload = *payload,
                       .chunk_signing = make_chunk_signing(proof, key, payload->mode),
                       .hoisted = {}};
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

S3Result<PresignedV4> read_presigned(const Parameters& parameters) {
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

S3Result<Authenticated> authenticate_presigned_v4(const AuthRequest& request,
                                                  const AuthHeaders& headers, Target target,
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
  auto credential = find_credential(store, claim.scope.access_key);
  if (!credential) return std::unexpected(std::move(credential).error());
  if (auto ok = check_life(presigned->expires, presigned->signed_at, now); !ok) {
    return std::unexpected(std::move(ok).error());
  }
  const auto* token = find_parameter(*parameters, "X-Amz-Security-Token");
  if (auto ok = check_token(token != nullptr ? std::string_view(*token) : headers.token); !ok) {
    return std::unexpected(std::move(ok).error());
  }
  // Whatever is said of the body is part of what is signed.
  std::string_view payload_hash = headers.content_sha256;
  if (const auto* hash = find_parameter(*parameters, "X-Amz-Content-Sha256")) payload_hash = *hash;
  if (payload_hash.empty()) payload_hash = "UNSIGNED-PAYLOAD";
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
  if (auto ok = verify(proof, key); !ok) return std::unexpected(std::move(ok).error());
  Authenticated result{.kind = AuthKind::kPresignedV4,
                       .credential = *credential,
                       .payload = *payload,
                       .chunk_signing = make_chunk_signing(proof, key, payload->mode),
                       .hoisted = {}};
  result.hoisted = hoisted_headers(request, *std::move(parameters), false);
  return result;
}

S3Result<sys_seconds> read_expires_v2(std::string_view text) {
  std::int64_t seconds = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  // Past the year 9999 is no date either.
  if (status != std::errc() || end != text.data() + text.size() || seconds < 0 ||
      seconds > 253'402'300'799) {
    return refused(S3Code::kAccessDenied, "Invalid date (should be seconds since epoch): " +
                                              std::string(text.substr(0, 64)));
  }
  return sys_seconds(std::chrono::seconds(seconds));
}

S3Result<void> verify_v2(const AuthRequest& request, Target target, const Parameters& parameters,
                         const Credential& credential, std::string_view provided) {
  SigV2Request v2{.method = request.method,
                  .path = target.path,
                  .virtual_bucket = request.virtual_bucket,
                  .expires = *find_parameter(parameters, "Expires"),
                  .parameters = parameters,
                  .headers = request.headers};
  const std::string to_sign = sigv2_string_to_sign(v2);
  const auto matches = [&](const std::string& text) {
    return equal_constant_time(sigv2_signature(credential.secret_key, text), provided);
  };
  if (matches(to_sign)) return {};
  // boto3 sends "/bucket" and signs "/bucket/".
  std::string with_slash(target.path);
  if (with_slash.find('/', 1) == std::string::npos && request.virtual_bucket.empty()) {
    with_slash.push_back('/');
    v2.path = with_slash;
    if (matches(sigv2_string_to_sign(v2))) return {};
  }
  Fields fields;
  if (to_sign.size() <= kMaxEchoedBytes) {
    fields = mismatch_fields(credential.access_key, to_sign, provided);
  }
  return refused(S3Code::kSignatureDoesNotMatch, {}, std::move(fields));
}

S3Result<Authenticated> authenticate_presigned_v2(const AuthRequest& request,
                                                  const AuthHeaders& headers, Target target,
                                                  const CredentialStore& store, sys_seconds now) {
  auto parameters = decode_query(target.query);
  if (!parameters) return std::unexpected(std::move(parameters).error());
  const auto* access_key = find_parameter(*parameters, "AWSAccessKeyId");
  const auto* expires = find_parameter(*parameters, "Expires");
  const auto* signature = find_parameter(*parameters, "Signature");
  if (access_key == nullptr || expires == nullptr || signature == nullptr) {
    return refused(S3Code::kAccessDenied,
                   "Query-string authentication requires the Signature, Expires and "
                   "AWSAccessKeyId parameters");
  }
  auto end_of_life = read_expires_v2(*expires);
  if (!end_of_life) return std::unexpected(std::move(end_of_life).error());
  if (now > *end_of_life) {
    return refused(
        S3Code::kAccessDenied, "Request has expired",
        {{"Expires", iso8601_seconds(*end_of_life)}, {"ServerTime", iso8601_seconds(now)}});
  }
  auto credential = find_credential(store, *access_key);
  if (!credential) return std::unexpected(std::move(credential).error());
  const auto* token = find_parameter(*parameters, "x-amz-security-token");
  if (auto ok = check_token(token != nullptr ? std::string_view(*token) : headers.token); !ok) {
    return std::unexpected(std::move(ok).error());
  }
  // An unescaped plus of the base64 was read as a space.
  std::string provided = *signature;
  std::ranges::replace(provided, ' ', '+');
  if (auto ok = verify_v2(request, target, *parameters, **credential, provided); !ok) {
    return std::unexpected(std::move(ok).error());
  }
  // SigV2 says nothing of the body; a hash that came along is a promise all the same.
  PayloadClaim payload;
  if (!headers.content_sha256.empty()) {
    auto claimed = read_payload(headers.content_sha256);
    if (!claimed) return std::unexpected(std::move(claimed).error());
    if (has_chunk_signatures(claimed->mode)) {
      return s3_error(S3Code::kInvalidRequest,
                      "Signed chunks need a request that is signed with AWS4-HMAC-SHA256.");
    }
    payload = *claimed;
  }
  Authenticated result{.kind = AuthKind::kPresignedV2,
                       .credential = *credential,
                       .payload = payload,
                       .chunk_signing = std::nullopt,
                       .hoisted = {}};
  result.hoisted = hoisted_headers(request, *std::move(parameters), true);
  return result;
}

}  // namespace

S3Result<Authenticated> authenticate(const AuthRequest& request, const CredentialStore& store,
                                     WallTime now, const AuthOptions& options) {
  const AuthHeaders headers = find_auth_headers(request.headers);
  if (headers.repeated) {
    return s3_error(S3Code::kInvalidRequest,
                    "A header that authenticates the request is there more than once.");
  }
  const Target target = split_target(request.target);
  const QueryAuth in_query = query_auth(target.query);
  if (!headers.authorization.empty() && in_query != QueryAuth::kNone) {
    return refused(S3Code::kInvalidArgument,
                   "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, "
                   "Signature query string parameter or the Authorization header should be "
                   "specified",
                   {{"ArgumentName", "Authorization"},
                    {"ArgumentValue", std::string(trimmed(headers.authorization).substr(0, 16))}});
  }
  const auto seconds = std::chrono::floor<std::chrono::seconds>(now);
  if (!headers.authorization.empty()) {
    return authenticate_header(request, headers, store, seconds, options);
  }
  switch (in_query) {
    case QueryAuth::kV4:
      return authenticate_presigned_v4(request, headers, target, store, seconds, options);
    case QueryAuth::kV2:
      return authenticate_presigned_v2(request, headers, target, store, seconds);
    case QueryAuth::kNone:
      break;
  }
  // An anonymous body may claim its hash; it can prove no chunks.
  Authenticated anonymous;
  if (!headers.content_sha256.empty()) {
    auto payload = read_payload(headers.content_sha256);
    if (!payload) return std::unexpected(std::move(payload).error());
    if (has_chunk_signatures(payload->mode)) return s3_error(S3Code::kAccessDenied);
    anonymous.payload = *payload;
  }
  return anonymous;
}

}  // namespace kelp::s3
