#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "base/metrics.h"

namespace kelp {

/// The counters of one listener; handles are looked up once. Thread-safe.
class HttpProbe {
 public:
  /// Names are `<prefix>_requests_total{status="2xx"}` and so on. `metrics` must outlive the probe.
  HttpProbe(Metrics& metrics, const std::string& prefix)
      : refused_heads(metrics.counter(prefix + "_refused_heads_total",
                                      "Requests refused before they reached the handler")),
        refused_connections(metrics.counter(prefix + "_refused_connections_total",
                                            "Connections turned away at the limit")),
        failed_handlers(metrics.counter(prefix + "_failed_handlers_total",
                                        "Handlers that threw or gave no answer")),
        connections(metrics.gauge(prefix + "_connections", "Open connections")),
        statuses_{&of_class(metrics, prefix, "1xx"), &of_class(metrics, prefix, "2xx"),
                  &of_class(metrics, prefix, "3xx"), &of_class(metrics, prefix, "4xx"),
                  &of_class(metrics, prefix, "5xx")} {}

  /// A request was answered with `status`.
  void answered(int status) {
    if (status >= 100 && status < 600) statuses_[status / 100 - 1]->Increment();
  }

  prometheus::Counter& refused_heads;
  prometheus::Counter& refused_connections;
  prometheus::Counter& failed_handlers;
  prometheus::Gauge& connections;
  std::atomic<std::size_t> open_connections = 0;  ///< What the limit is compared with.

 private:
  static prometheus::Counter& of_class(Metrics& metrics, const std::string& prefix,
                                       const char* status) {
    return metrics.counter(prefix + "_requests_total", "Requests answered, by class of status",
                           {{"status", status}});
  }

  prometheus::Counter* statuses_[5];
};

}  // namespace kelp
