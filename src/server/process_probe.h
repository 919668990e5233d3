#pragma once

#include <mutex>
#include <string_view>

#include "base/clock.h"
#include "base/metrics.h"

namespace kelp::server {

/// What is true of a process whatever it does: version, age, memory, CPU, and what its clock shows.
/// Thread-safe.
class ProcessProbe {
 public:
  /// `role`: "server", "master", "volume", "filer" or "s3". Both must outlive this.
  ProcessProbe(Metrics& metrics, const Clock& clock, std::string_view role);
  /// Makes the figures those of now: before metrics are read.
  void look();

 private:
  const Clock& clock_;
  prometheus::Gauge& time_;
  prometheus::Gauge& resident_;
  prometheus::Counter& cpu_;
  std::mutex mutex_;  ///< Between reading cpu_ and raising it.
};

}  // namespace kelp::server
