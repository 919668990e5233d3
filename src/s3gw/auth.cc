#include "s3gw/auth.h"

#include "s3gw/auth_common.h"
#include "s3gw/core/header_text.h"

namespace kelp::s3 {
namespace {

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

}  // namespace

S3Result<Authenticated> authenticate(const AuthRequest& request, const CredentialStore& store,
                                     WallTime now, const AuthOptions& options) {
  const AuthHeaders headers = find_auth_headers(request.headers);
  if (headers.repeated) {
    return s3_error(S3Code::kInvalidRequest,
                    "A header that authenticates the request is there more than once.");
  }
  const AuthTarget target = split_target(request.target);
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
