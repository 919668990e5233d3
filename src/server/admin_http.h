#pragma once

#include <functional>

#include "base/metrics.h"
#include "net/http.h"

namespace kelp::server {

/// Answers GET and HEAD of /metrics (Prometheus text), /healthz (200 while the process lives) and
/// /readyz (200 when `ready()`, else 503). Everything else is 404 or 405. Safe from any io thread.
class AdminHttp final : public HttpHandler {
 public:
  /// `metrics` must outlive this. `ready` is called on io threads.
  AdminHttp(const Metrics& metrics, std::function<bool()> ready)
      : metrics_(metrics), ready_(std::move(ready)) {}

  Task<void> handle(HttpExchange exchange) override;
  [[nodiscard]] std::pair<std::string, std::string> refusal(int status,
                                                            const Error& error) override;

 private:
  const Metrics& metrics_;
  const std::function<bool()> ready_;
};

}  // namespace kelp::server
