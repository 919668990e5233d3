#include "catalog/visit.h"

#include <fmt/format.h>

#include <boost/json/serialize.hpp>
#include <chrono>

#include "base/encoding.h"
#include "catalog/core/token.h"
#include "s3gw/core/header_text.h"

namespace kelp::catalog {
namespace {

constexpr std::string_view kBearer = "bearer ";
constexpr std::size_t kMaxBodyBytes = 4 << 20;
constexpr std::size_t kMaxFormBytes = 64 * 1024;
constexpr std::size_t kUncountedBytes = 64 * 1024;

std::unexpected<Failure> not_authorized(std::string message) {
  return failed(401, "NotAuthorizedException", std::move(message));
}

Task<Outcome<void>> by_token(Visit& visit, std::string_view text) {
  const auto token = open_token(visit.token_key, text, visit.services.deps.clock.wall());
  if (!token) {
    co_return not_authorized("the token is not valid, or not any more: ask for another one");
  }
  auto known = co_await lasting_key(visit, token->access_key);
  if (known == nullptr || view(sha256(known->secret_key)) != token->secret_hash) {
    co_return not_authorized("the key that the token was given for is gone");
  }
  visit.auth.held = std::move(known);
  visit.auth.credential = visit.auth.held.get();
  co_return Outcome<void>{};
}

/// Clients sign a path with escapes as S3 does, or, as of every other service, its escapes again.
std::string escaped_again(std::string_view target) {
  const std::size_t end = std::min(target.find('?'), target.size());
  std::string result;
  for (const char c : target.substr(0, end)) {
    if (c == '%') {
      result += "%25";
    } else {
      result += c;
    }
  }
  return result.append(target.substr(end));
}

/// As authenticate() of s3gw says; the path as one or the other kind of client signs it.
s3::S3Result<s3::Authenticated> prove(const Visit& visit) {
  const Sha256 digest = sha256(visit.text);
  const s3::AuthOptions options{.region = visit.services.options.region,
                                .payload_hash = hex_encode(view(digest))};
  const std::string again = escaped_again(visit.http.target);
  s3::AuthRequest request{.method = visit.http.method,
                          .target = visit.http.target,
                          .headers = visit.http.headers,
                          .virtual_bucket = {}};
  const auto& store = visit.services.deps.credentials;
  const WallTime now = visit.services.deps.clock.wall();
  auto proven = s3::authenticate(request, store, now, options);
  if (!proven && proven.error().code == s3::S3Code::kSignatureDoesNotMatch) {
    request.target = again;
    proven = s3::authenticate(request, store, now, options);
  }
  return proven;
}

Task<Outcome<void>> by_signature(Visit& visit) {
  auto proven = prove(visit);
  if (!proven && co_await s3::known_by_now(visit.services.deps.news, proven.error().code)) {
    proven = prove(visit);
  }
  if (!proven) co_return not_authorized(std::string(s3::text_of(proven.error().code).code));
  if (proven->kind != s3::AuthKind::kHeaderV4) co_return not_authorized("say who you are");
  // What the signature says of this body is of no other one.
  visit.auth.kind = proven->kind;
  visit.auth.held = proven->held;
  visit.auth.credential = proven->credential;
  co_return Outcome<void>{};
}

}  // namespace

std::int64_t Visit::now_ms() const {
  const auto now = services.deps.clock.wall().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

Reply reply_of(const Object& object) {
  return {.status = 200, .json = boost::json::serialize(object)};
}

Outcome<void> reserve(Visit& visit, std::size_t bytes) {
  if (bytes <= kUncountedBytes) return {};
  auto room = visit.services.buffers.reserve(bytes);
  if (!room) {
    return failed(503, "ServiceUnavailableException",
                  "too many large requests at once, or a table too large for limits.body_memory");
  }
  visit.memory.push_back(*std::move(room));
  return {};
}

Task<Outcome<void>> read_body(Visit& visit) {
  const HttpRequest& http = visit.http;
  const Failure too_large{413, "BadRequestException", "the body is over 4 MiB"};
  const std::uint64_t limit = visit.action == Action::kGetToken ? kMaxFormBytes : kMaxBodyBytes;
  const std::uint64_t announced = http.chunked ? limit : http.content_length.value_or(0);
  if (announced > limit) co_return std::unexpected(too_large);
  if (announced == 0) co_return Outcome<void>{};
  KELP_CATALOG_CO_CHECK(reserve(visit, announced));
  visit.text.resize(announced + 1);
  const MutableByteSpan buffer = std::as_writable_bytes(std::span(visit.text));
  KELP_CATALOG_CO_TRY(const std::size_t bytes, co_await read_full(visit.body, buffer));
  if (bytes > announced) co_return std::unexpected(too_large);
  visit.text.resize(bytes);
  co_return Outcome<void>{};
}

bool signs_body(const Visit& visit) {
  const auto header = s3::find_header(visit.http.headers, "authorization");
  return header && s3::starts_with_lower(*header, "aws4-hmac-sha256");
}

Task<std::shared_ptr<const s3::Credential>> lasting_key(const Visit& visit,
                                                        std::string_view access_key) {
  const s3::GatewayDeps& deps = visit.services.deps;
  auto known = deps.credentials.hold(access_key, {});
  if (known == nullptr && co_await s3::known_by_now(deps.news, s3::S3Code::kInvalidAccessKeyId)) {
    known = deps.credentials.hold(access_key, {});
  }
  if (known == nullptr || !known->session_token.empty()) co_return nullptr;
  const bool over = known->expires && *known->expires <= deps.clock.wall();
  co_return over ? nullptr : known;
}

Task<Outcome<void>> authenticate(Visit& visit) {
  const auto header = s3::find_header(visit.http.headers, "authorization");
  if (signs_body(visit)) co_return co_await by_signature(visit);
  if (!header || !s3::starts_with_lower(*header, kBearer)) {
    co_return not_authorized("say who you are: a bearer token, or SigV4");
  }
  co_return co_await by_token(visit, s3::trimmed(header->substr(kBearer.size())));
}

Object file_config(const Visit& visit) {
  const std::string& region = visit.services.options.region;
  const std::string_view host = s3::find_header(visit.http.headers, "host").value_or("");
  const std::string_view scheme = visit.http.secure ? "https" : "http";
  return {{"s3.endpoint", fmt::format("{}://{}", scheme, host)},
          {"s3.path-style-access", "true"},
          {"s3.region", region.empty() ? "us-east-1" : region},
          {"client.region", region.empty() ? "us-east-1" : region}};
}

}  // namespace kelp::catalog
