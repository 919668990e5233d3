#include <algorithm>
#include <charconv>

#include "s3gw/auth_common.h"
#include "s3gw/core/header_text.h"
#include "s3gw/core/http_date.h"
#include "s3gw/core/sigv2.h"
#include "s3gw/s3_try.h"

namespace kelp::s3 {
namespace {

using std::chrono::sys_seconds;

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

/// As clients of then wrote it, and as they write it now.
std::optional<sys_seconds> parse_date_v2(std::string_view text) {
  constexpr std::string_view kUtc = " +0000";
  if (text.ends_with(kUtc)) {
    return parse_http_date(std::string(text.substr(0, text.size() - kUtc.size())) + " GMT");
  }
  const auto date = parse_http_date(text);
  return date ? date : parse_basic_date(text);
}

S3Result<void> verify_v2(const AuthRequest& request, AuthTarget target,
                         const QueryParameters& parameters, const Credential& credential,
                         std::string_view time, std::string_view provided) {
  SigV2Request v2{.method = request.method,
                  .path = target.path,
                  .virtual_bucket = request.virtual_bucket,
                  .time = time,
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
  AuthFields fields;
  if (to_sign.size() <= kMaxEchoedBytes) {
    fields = mismatch_fields(credential.access_key, to_sign, provided);
  }
  return refused(S3Code::kSignatureDoesNotMatch, {}, std::move(fields));
}

/// SigV2 says nothing of the body; a hash that came along is a promise all the same.
S3Result<PayloadClaim> claimed_payload(const AuthHeaders& headers) {
  if (headers.content_sha256.empty()) return PayloadClaim{};
  auto claimed = read_payload(headers.content_sha256);
  if (claimed && has_chunk_signatures(claimed->mode)) {
    return s3_error(S3Code::kInvalidRequest,
                    "Signed chunks need a request that is signed with AWS4-HMAC-SHA256.");
  }
  return claimed;
}

}  // namespace

S3Result<Authenticated> authenticate_header_v2(const AuthRequest& request,
                                               const AuthHeaders& headers,
                                               const CredentialStore& store, sys_seconds now) {
  std::string_view provided = headers.authorization.substr(4);  // behind "AWS "
  const std::string_view access_key = cut(provided, ':');
  if (access_key.empty() || provided.empty()) {
    return refused(S3Code::kInvalidArgument,
                   "AWS authorization header is invalid. Expected AwsAccessKeyId:signature",
                   {{"ArgumentName", "Authorization"}});
  }
  const bool own_date = !headers.amz_date.empty();
  const std::string_view date = own_date ? headers.amz_date : headers.date;
  const auto signed_at = parse_date_v2(date);
  if (!signed_at) {
    return refused(S3Code::kAccessDenied,
                   "AWS authentication requires a valid Date or x-amz-date header");
  }
  KELP_S3_TRY(auto credential, find_credential(store, access_key, headers.token));
  KELP_S3_CHECK(check_skew(*signed_at, date, now));
  KELP_S3_CHECK(check_token(*credential, headers.token, now));
  const AuthTarget target = split_target(request.target);
  KELP_S3_TRY(const QueryParameters parameters, decode_query(target.query));
  KELP_S3_CHECK(verify_v2(request, target, parameters, *credential,
                          own_date ? std::string_view() : date, provided));
  KELP_S3_TRY(const PayloadClaim payload, claimed_payload(headers));
  return Authenticated{.kind = AuthKind::kHeaderV2,
                       .credential = credential.get(),
                       .payload = payload,
                       .chunk_signing = std::nullopt,
                       .hoisted = {},
                       .held = std::move(credential)};
}

S3Result<Authenticated> authenticate_presigned_v2(const AuthRequest& request,
                                                  const AuthHeaders& headers, AuthTarget target,
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
  const auto* in_query = find_parameter(*parameters, "x-amz-security-token");
  const std::string_view token = in_query != nullptr ? std::string_view(*in_query) : headers.token;
  auto credential = find_credential(store, *access_key, token);
  if (!credential) return std::unexpected(std::move(credential).error());
  if (auto ok = check_token(**credential, token, now); !ok) {
    return std::unexpected(std::move(ok).error());
  }
  // An unescaped plus of the base64 was read as a space.
  std::string provided = *signature;
  std::ranges::replace(provided, ' ', '+');
  KELP_S3_CHECK(verify_v2(request, target, *parameters, **credential, *expires, provided));
  KELP_S3_TRY(const PayloadClaim payload, claimed_payload(headers));
  Authenticated result{.kind = AuthKind::kPresignedV2,
                       .credential = credential->get(),
                       .payload = payload,
                       .chunk_signing = std::nullopt,
                       .hoisted = {},
                       .held = *std::move(credential)};
  result.hoisted = hoisted_headers(request, *std::move(parameters), true);
  return result;
}

}  // namespace kelp::s3
