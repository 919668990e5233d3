#include "s3gw/auth_common.h"

#include <algorithm>
#include <array>

#include "base/encoding.h"
#include "crypto/digest.h"
#include "s3gw/core/header_text.h"
#include "s3gw/core/http_date.h"

namespace kelp::s3 {
namespace {

constexpr std::size_t kMaxParameters = 1024;
constexpr std::size_t kMaxTokenBytes = 16 << 10;

std::unexpected<S3Error> invalid_token(std::string_view token) {
  return refused(S3Code::kInvalidToken, {}, {{"Token-0", std::string(token.substr(0, 256))}});
}

}  // namespace

std::unexpected<S3Error> refused(S3Code code, std::string message, AuthFields fields) {
  return std::unexpected(S3Error{code, std::move(message), std::move(fields)});
}

AuthTarget split_target(std::string_view target) {
  const std::size_t at = target.find('?');
  if (at == std::string_view::npos) return {target, {}};
  return {target.substr(0, at), target.substr(at + 1)};
}

S3Result<QueryParameters> decode_query(std::string_view query) {
  QueryParameters parameters;
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

const std::string* find_parameter(const QueryParameters& parameters, std::string_view name) {
  const auto at = std::ranges::find(parameters, name, &QueryParameters::value_type::first);
  return at == parameters.end() ? nullptr : &at->second;
}

QueryParameters hoisted_headers(const AuthRequest& request, QueryParameters parameters, bool v2) {
  static constexpr std::array<std::string_view, 8> kOfSignature = {
      "x-amz-algorithm",     "x-amz-credential", "x-amz-date",           "x-amz-expires",
      "x-amz-signedheaders", "x-amz-signature",  "x-amz-security-token", "x-amz-content-sha256"};
  QueryParameters hoisted;
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

S3Result<std::shared_ptr<const Credential>> find_credential(const CredentialStore& store,
                                                            std::string_view access_key,
                                                            std::string_view token) {
  const bool fits = access_key.size() <= 128 && token.size() <= kMaxTokenBytes;
  auto credential = fits ? store.hold(access_key, token) : nullptr;
  if (credential != nullptr && !credential->secret_key.empty()) return credential;
  if (!token.empty()) return invalid_token(token);
  return refused(S3Code::kInvalidAccessKeyId, {},
                 {{"AWSAccessKeyId", std::string(access_key.substr(0, 128))}});
}

S3Result<void> check_token(const Credential& credential, std::string_view token, WallTime now) {
  if (!equal_constant_time(credential.session_token, token)) return invalid_token(token);
  if (!credential.expires || now < *credential.expires) return {};
  return refused(S3Code::kExpiredToken, {}, {{"Token-0", std::string(token.substr(0, 256))}});
}

S3Result<PayloadClaim> read_payload(std::string_view text) {
  if (const auto claim = parse_payload_claim(text)) return *claim;
  return refused(S3Code::kInvalidArgument,
                 "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, "
                 "STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, "
                 "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, "
                 "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD, "
                 "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER or a valid sha256 value.",
                 {{"ArgumentName", "x-amz-content-sha256"},
                  {"ArgumentValue", std::string(text.substr(0, 256))}});
}

S3Result<void> check_skew(std::chrono::sys_seconds signed_at, std::string_view text,
                          std::chrono::sys_seconds now) {
  if (std::chrono::abs(now - signed_at) <= kMaxClockSkew) return {};
  return refused(S3Code::kRequestTimeTooSkewed, {},
                 {{"RequestTime", std::string(text)},
                  {"ServerTime", iso8601_seconds(now)},
                  {"MaxAllowedSkewMilliseconds", "900000"}});
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

AuthFields mismatch_fields(std::string_view access_key, std::string_view string_to_sign,
                           std::string_view provided) {
  return {{"AWSAccessKeyId", std::string(access_key)},
          {"StringToSign", std::string(string_to_sign)},
          {"SignatureProvided", std::string(provided.substr(0, 256))},
          {"StringToSignBytes", spaced_hex(string_to_sign)}};
}

}  // namespace kelp::s3
