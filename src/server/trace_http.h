#pragma once

#include <string>
#include <string_view>

#include "async/timers.h"
#include "base/clock.h"
#include "net/http.h"
#include "s3gw/request_trace.h"

namespace kelp::server {

/// What `kelp trace` shows a gateway, so that it may see its requests until `expires`: a token
/// under the cluster's secret, in hex. Whole milliseconds count.
[[nodiscard]] std::string sign_trace(std::string_view secret, WallTime expires);

/// kPermissionDenied when the token is not good at `now`, or good for longer than a quarter of an
/// hour.
[[nodiscard]] Result<void> verify_trace(std::string_view secret, std::string_view token,
                                        WallTime now);

/// What a TraceHttp needs; all but the secret must outlive it.
struct TraceHttpParts {
  s3::RequestTrace& trace;
  std::string cluster_secret;
  const Clock& clock;
  Timers& timers;
};

/// GET /trace?FILTER (s3::trace_query()) with `Authorization: Kelp TOKEN`: the gateway's requests
/// as lines of JSON, from now until the client goes. An empty line now and then says that it lives.
/// 401 without a token, 403 when it is not good, 400 for a bad filter, 503 when too many watch.
/// Safe from any io thread.
class TraceHttp {
 public:
  explicit TraceHttp(TraceHttpParts parts) : parts_(std::move(parts)) {}

  Task<void> handle(HttpExchange exchange);

 private:
  Result<std::shared_ptr<s3::RequestTrace::Watcher>> admit(const HttpRequest& request);
  Task<void> show(ResponseWriter& to, s3::RequestTrace::Watcher& watcher);

  TraceHttpParts parts_;
};

}  // namespace kelp::server
