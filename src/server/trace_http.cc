#include "server/trace_http.h"

#include <fmt/format.h>

#include "base/bytes.h"
#include "base/encoding.h"
#include "base/log.h"
#include "wire/signed_token.h"

namespace kelp::server {
namespace {

constexpr std::uint8_t kVersion = 1;
/// Keeps this use of the cluster secret apart from every other one.
constexpr std::string_view kPurpose = "kelp-trace-v1";
constexpr std::size_t kTokenBytes = 1 + 8 + kTokenMacBytes;
constexpr std::chrono::minutes kLongest{15};
constexpr std::string_view kScheme = "Kelp ";

constexpr std::chrono::milliseconds kTurn{100};
constexpr int kTurnsToSign = 20;  ///< Of life, when there is nothing to show.

int status_of(const Error& error) {
  switch (error.code()) {
    case Errc::kUnauthenticated:
      return 401;
    case Errc::kPermissionDenied:
      return 403;
    case Errc::kInvalidArgument:
      return 400;
    default:
      return 503;
  }
}

}  // namespace

std::string sign_trace(std::string_view secret, WallTime expires) {
  std::string claims;
  ByteWriter writer(claims);
  writer.fixed(kVersion);
  writer.fixed(static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(expires.time_since_epoch()).count()));
  return hex_encode(sign_token(secret, kPurpose, std::move(claims)));
}

Result<void> verify_trace(std::string_view secret, std::string_view token, WallTime now) {
  const Error denied(Errc::kPermissionDenied, "the token is not good for this cluster, or not now");
  const auto bytes = hex_decode(token);
  if (!bytes.has_value()) return denied;
  const auto claims = open_token(secret, kPurpose, *bytes, kTokenBytes, "trace token");
  if (!claims.has_value()) return denied;
  ByteReader reader(*claims);
  const auto version = reader.fixed<std::uint8_t>();
  const WallTime expires(std::chrono::milliseconds(reader.fixed<std::uint64_t>()));
  if (version != kVersion || expires <= now || expires > now + kLongest) return denied;
  return {};
}

Result<std::shared_ptr<s3::RequestTrace::Watcher>> TraceHttp::admit(const HttpRequest& request) {
  const std::string_view proof = request.header("authorization").value_or("");
  if (!proof.starts_with(kScheme)) {
    return Error(Errc::kUnauthenticated, "a trace needs the cluster's token: use kelp trace");
  }
  KELP_CHECK(
      verify_trace(parts_.cluster_secret, proof.substr(kScheme.size()), parts_.clock.wall()));
  const std::size_t mark = std::min(request.target.find('?'), request.target.size());
  const std::size_t query = std::min(mark + 1, request.target.size());
  KELP_TRY(s3::TraceFilter filter, s3::parse_trace_query(request.target.substr(query)));
  return parts_.trace.watch(std::move(filter));
}

Task<void> TraceHttp::handle(HttpExchange exchange) {
  auto admitted = admit(exchange.request);
  HttpResponse head(admitted ? 200 : status_of(admitted.error()));
  head.add("Content-Type", admitted ? "application/x-ndjson" : "text/plain; charset=utf-8");
  head.add("Cache-Control", "no-store");
  head.close_after();
  if (!admitted) {
    // A peer that went away is nobody's concern here.
    [[maybe_unused]] const auto sent = co_await exchange.response.send(
        std::move(head), fmt::format("{}\n", log_value(admitted.error().message())));
    co_return;
  }
  logger("server").info("trace_begins remote={}", exchange.request.remote_address);
  exchange.response.start(std::move(head), std::nullopt);
  co_await show(exchange.response, **admitted);
  logger("server").info("trace_ends remote={}", exchange.request.remote_address);
}

/// Until nobody reads, or the gateway stops.
Task<void> TraceHttp::show(ResponseWriter& to, s3::RequestTrace::Watcher& watcher) {
  int quiet = kTurnsToSign;  // The first one tells the client that it watches.
  while (!parts_.trace.closed()) {
    std::string lines = watcher.take();
    if (lines.empty() && ++quiet > kTurnsToSign) lines = "\n";
    if (!lines.empty()) {
      quiet = 0;
      if (!(co_await to.write(as_bytes(lines))).has_value()) co_return;
    }
    if (!(co_await parts_.timers.sleep_until(parts_.clock.mono() + kTurn)).has_value()) co_return;
  }
  [[maybe_unused]] const auto ended = co_await to.finish();
}

}  // namespace kelp::server
