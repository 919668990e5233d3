#include "s3gw/auth_post.h"

#include <array>

#include "base/encoding.h"
#include "s3gw/auth_common.h"
#include "s3gw/core/config/shape.h"
#include "s3gw/core/http_date.h"
#include "s3gw/core/sigv2.h"
#include "s3gw/core/sigv4.h"
#include "s3gw/s3_try.h"

namespace kelp::s3 {
namespace {

/// A field that must be there, as AWS names it.
struct Wanted {
  std::string_view lower;
  std::string_view name;
};
constexpr std::array<Wanted, 5> kV4{{{"x-amz-algorithm", "X-Amz-Algorithm"},
                                     {"x-amz-credential", "X-Amz-Credential"},
                                     {"x-amz-date", "X-Amz-Date"},
                                     {"x-amz-signature", "X-Amz-Signature"},
                                     {"policy", "Policy"}}};
constexpr std::array<Wanted, 3> kV2{
    {{"awsaccesskeyid", "AWSAccessKeyId"}, {"signature", "Signature"}, {"policy", "Policy"}}};

bool has_any(std::span<const PostField> fields, std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    if (find_field(fields, name) != nullptr) return true;
  }
  return false;
}

S3Result<void> require(std::span<const PostField> fields, std::span<const Wanted> wanted) {
  for (const auto& [lower, name] : wanted) {
    if (find_field(fields, lower) == nullptr) return missing_field(std::string(name));
  }
  return {};
}

std::unexpected<S3Error> bad_credential(std::string message, std::string_view credential) {
  return bad_argument(std::move(message), "X-Amz-Credential", std::string(credential));
}

S3Result<SigV4Scope> read_scope(std::string_view credential, std::string_view date,
                                const AuthOptions& options) {
  SigV4Scope scope;
  if (!parse_credential(credential, scope)) {
    return bad_credential(
        "the Credential is mal-formed; expecting "
        "\"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".",
        credential);
  }
  if (scope.terminal != "aws4_request" || scope.service != "s3") {
    return bad_credential(
        "incorrect service or terminal. This endpoint belongs to \"s3\" and uses "
        "\"aws4_request\".",
        credential);
  }
  if (!options.region.empty() && scope.region != options.region) {
    auto error = bad_credential("the region '" + std::string(scope.region) +
                                    "' is wrong; expecting '" + options.region + "'",
                                credential);
    error.error().fields.emplace_back("Region", options.region);
    return error;
  }
  if (!parse_basic_date(date)) {
    return bad_argument("X-Amz-Date must be formated via ISO8601 Long format", "X-Amz-Date",
                        std::string(date));
  }
  if (scope.date != date.substr(0, 8)) {
    return bad_credential("Invalid credential date. This date is not the same as X-Amz-Date.",
                          credential);
  }
  return scope;
}

std::unexpected<S3Error> mismatch(const Credential& credential, std::string_view policy,
                                  std::string_view provided) {
  return refused(S3Code::kSignatureDoesNotMatch, {},
                 mismatch_fields(credential.access_key, policy, provided));
}

using Held = std::shared_ptr<const Credential>;

std::string_view token_of(std::span<const PostField> fields) {
  const std::string* const token = find_field(fields, "x-amz-security-token");
  return token == nullptr ? std::string_view() : std::string_view(*token);
}

S3Result<Held> check_v4(std::span<const PostField> fields, const CredentialStore& store,
                        const AuthOptions& options) {
  KELP_S3_CHECK(require(fields, kV4));
  const std::string& algorithm = *find_field(fields, "x-amz-algorithm");
  if (algorithm != kSigV4Algorithm) {
    return bad_argument("X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\"", "X-Amz-Algorithm",
                        algorithm);
  }
  KELP_S3_TRY(const SigV4Scope scope, read_scope(*find_field(fields, "x-amz-credential"),
                                                 *find_field(fields, "x-amz-date"), options));
  KELP_S3_TRY(Held credential, find_credential(store, scope.access_key, token_of(fields)));
  const std::string& policy = *find_field(fields, "policy");
  const std::string& provided = *find_field(fields, "x-amz-signature");
  const Sha256 key = derive_signing_key(credential->secret_key, scope);
  std::string expected;
  append_hex(hmac_sha256(view(key), policy), expected);
  if (!equal_constant_time(expected, provided)) return mismatch(*credential, policy, provided);
  return credential;
}

S3Result<Held> check_v2(std::span<const PostField> fields, const CredentialStore& store) {
  KELP_S3_CHECK(require(fields, kV2));
  const std::string& access_key = *find_field(fields, "awsaccesskeyid");
  KELP_S3_TRY(Held credential, find_credential(store, access_key, token_of(fields)));
  const std::string& policy = *find_field(fields, "policy");
  const std::string& provided = *find_field(fields, "signature");
  const std::string expected = sigv2_signature(credential->secret_key, policy);
  if (!equal_constant_time(expected, provided)) return mismatch(*credential, policy, provided);
  return credential;
}

}  // namespace

S3Result<Authenticated> authenticate_form(std::span<const PostField> fields,
                                          const CredentialStore& store, WallTime now,
                                          const AuthOptions& options) {
  Authenticated result;
  if (has_any(fields, {"x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-signature"})) {
    result.kind = AuthKind::kFormV4;
    KELP_S3_TRY(result.held, check_v4(fields, store, options));
  } else if (has_any(fields, {"awsaccesskeyid", "signature"})) {
    result.kind = AuthKind::kFormV2;
    KELP_S3_TRY(result.held, check_v2(fields, store));
  } else {
    return result;
  }
  KELP_S3_CHECK(check_token(*result.held, token_of(fields), now));
  result.credential = result.held.get();
  return result;
}

}  // namespace kelp::s3
