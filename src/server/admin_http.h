#pragma once

#include <functional>

#include "base/metrics.h"
#include "net/http.h"
#include "server/process_probe.h"
#include "server/readiness.h"
#include "server/trace_http.h"

namespace kelp::server {

/// Answers GET and HEAD of /metrics (Prometheus text), /healthz (200 while the process lives) and
/// /readyz (200 when `look()` says ready, else 503; its text either way). Everything else is 404 or
/// 405. Safe from any io thread.
class AdminHttp final : public HttpHandler {
 public:
  /// `metrics` and `clock` must outlive this. `role` is ProcessProbe's. `look` is called on io
  /// threads. `trace` answers /trace; null: nobody does.
  AdminHttp(Metrics& metrics, const Clock& clock, std::string_view role,
            std::function<Task<Readiness>()> look, TraceHttp* trace = nullptr)
      : metrics_(metrics), process_(metrics, clock, role), look_(std::move(look)), trace_(trace) {}

  Task<void> handle(HttpExchange exchange) override;
  [[nodiscard]] std::pair<std::string, std::string> refusal(int status,
                                                            const Error& error) override;

 private:
  const Metrics& metrics_;
  ProcessProbe process_;
  const std::function<Task<Readiness>()> look_;
  TraceHttp* const trace_;
};

}  // namespace kelp::server
