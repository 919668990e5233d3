#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "async/runtime.h"
#include "base/metrics.h"
#include "net/http.h"
#include "net/tls_names.h"

namespace kelp {

/// Limits and deadlines of a listener. What happens at each is tested in
/// tests/unit/net/http_server_test.cc.
struct HttpServerOptions {
  std::string address = "127.0.0.1";         ///< IPv4 or IPv6 address.
  std::uint16_t port = 0;                    ///< 0: a free one, see HttpServer::port().
  std::size_t connection_limit = 8192;       ///< Past it new connections get 503 and are closed.
  std::size_t head_limit_bytes = 16 * 1024;  ///< 431 past it; the request line alone: 8 KiB, 414.
  std::size_t header_count_limit = 100;      ///< 431 past it.
  std::chrono::milliseconds head_timeout{
      10'000};  ///< From the first byte of a head to its end; 408.
  std::chrono::milliseconds idle_timeout{75'000};  ///< Between requests; closed without a word.
  std::chrono::milliseconds progress_timeout{
      30'000};  ///< Longest wait for progress of a body, in either direction.
  std::uint64_t minimum_body_rate =
      1024;  ///< Bytes a second after progress_timeout; slower is 408.
  std::uint64_t drain_limit_bytes =
      1 << 20;   ///< Unread body dropped to keep a connection; more closes it.
  TlsFiles tls;  ///< TLS when it names any.
};

/// An HTTP/1.1 server over one listening socket, connections spread over the runtime's io threads.
class HttpServer {
 public:
  virtual ~HttpServer() = default;
  /// The port in use.
  [[nodiscard]] virtual std::uint16_t port() const = 0;
  /// Goes on serving, but each answer from now on is the last of its connection: clients that keep
  /// connections move elsewhere between two requests. Safe from any thread.
  virtual void retire() = 0;
  /// Stops accepting; idle connections close, busy ones after their answer; what is still busy
  /// after `grace` is cancelled. Returns when no connection is left.
  virtual Task<void> drain(std::chrono::milliseconds grace) = 0;
  /// Reads certificates and keys again for new connections; the old ones stay when that fails.
  virtual Result<void> reload_tls() = 0;
};

/// Binds and starts. `runtime`, `handler` and `metrics` must outlive the server, which must be
/// drained before it dies. Metrics are named `<metrics_name>_requests_total{status="2xx"}`,
/// `_connections`, `_refused_heads_total`, `_refused_connections_total`, `_failed_handlers_total`,
/// and with TLS `_certificate_expiry_timestamp_seconds`: give it as kelp_<module>_http.
/// kUnavailable when the address is taken, kInvalidArgument for a bad address, certificate or key.
[[nodiscard]] Result<std::unique_ptr<HttpServer>> serve_http(Runtime& runtime, HttpHandler& handler,
                                                             Metrics& metrics,
                                                             HttpServerOptions options,
                                                             std::string metrics_name);

}  // namespace kelp
