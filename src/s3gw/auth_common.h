#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "s3gw/auth.h"

namespace kelp::s3 {

// What the ways to prove who sent a request share; authenticate() in auth.h chooses between them.

using AuthFields = std::vector<std::pair<std::string, std::string>>;
using QueryParameters = std::vector<std::pair<std::string, std::string>>;

/// A longer canonical request is not repeated in the answer: each byte of it costs four there.
inline constexpr std::size_t kMaxEchoedBytes = 8192;

/// The headers that authentication looks at, found in one pass.
struct AuthHeaders {
  std::string_view authorization;
  std::string_view amz_date;
  std::string_view date;
  std::string_view content_sha256;
  std::string_view token;
  bool repeated = false;  ///< One of the above stands there twice: whose word counts?
};

/// A request's target, cut at the first question mark; raw.
struct AuthTarget {
  std::string_view path;
  std::string_view query;
};
/// Cuts it.
[[nodiscard]] AuthTarget split_target(std::string_view target);

/// An error with AWS's fields; an empty message stands for the code's own.
[[nodiscard]] std::unexpected<S3Error> refused(S3Code code, std::string message,
                                               AuthFields fields = {});

/// The query's parameters, decoded, in order. InvalidURI, InvalidRequest for more than 1,024.
[[nodiscard]] S3Result<QueryParameters> decode_query(std::string_view query);
/// The value of the parameter `name`, or null; the first of several.
[[nodiscard]] const std::string* find_parameter(const QueryParameters& parameters,
                                                std::string_view name);
/// The parameters of a presigned query that stand for headers which are not there
/// (Authenticated::hoisted); `v2`: of a SigV2 one.
[[nodiscard]] QueryParameters hoisted_headers(const AuthRequest& request,
                                              QueryParameters parameters, bool v2);

/// The key's secret and account. InvalidAccessKeyId; InvalidToken when the token came with a key
/// that is nobody's.
[[nodiscard]] S3Result<std::shared_ptr<const Credential>> find_credential(
    const CredentialStore& store, std::string_view access_key, std::string_view token);
/// InvalidToken unless the token is the key's; ExpiredToken.
[[nodiscard]] S3Result<void> check_token(const Credential& credential, std::string_view token,
                                         WallTime now);
/// RequestTimeTooSkewed for what was signed more than kMaxClockSkew from now; `text`, as it came.
[[nodiscard]] S3Result<void> check_skew(std::chrono::sys_seconds signed_at, std::string_view text,
                                        std::chrono::sys_seconds now);
/// What x-amz-content-sha256 says of the body. InvalidArgument.
[[nodiscard]] S3Result<PayloadClaim> read_payload(std::string_view text);

/// "61 62" for "ab", as AWS repeats what it signed.
[[nodiscard]] std::string spaced_hex(std::string_view text);
/// The fields of SignatureDoesNotMatch.
[[nodiscard]] AuthFields mismatch_fields(std::string_view access_key,
                                         std::string_view string_to_sign,
                                         std::string_view provided);

/// SigV4 in the Authorization header; errors of authenticate().
[[nodiscard]] S3Result<Authenticated> authenticate_header(const AuthRequest& request,
                                                          const AuthHeaders& headers,
                                                          const CredentialStore& store,
                                                          std::chrono::sys_seconds now,
                                                          const AuthOptions& options);
/// SigV4 in the query; errors of authenticate().
[[nodiscard]] S3Result<Authenticated> authenticate_presigned_v4(
    const AuthRequest& request, const AuthHeaders& headers, AuthTarget target,
    const CredentialStore& store, std::chrono::sys_seconds now, const AuthOptions& options);
/// SigV2 in the Authorization header; errors of authenticate().
[[nodiscard]] S3Result<Authenticated> authenticate_header_v2(const AuthRequest& request,
                                                             const AuthHeaders& headers,
                                                             const CredentialStore& store,
                                                             std::chrono::sys_seconds now);
/// SigV2 in the query; errors of authenticate().
[[nodiscard]] S3Result<Authenticated> authenticate_presigned_v2(const AuthRequest& request,
                                                                const AuthHeaders& headers,
                                                                AuthTarget target,
                                                                const CredentialStore& store,
                                                                std::chrono::sys_seconds now);

}  // namespace kelp::s3
