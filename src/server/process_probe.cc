#include "server/process_probe.h"

#include <string>

#include "kelp/version.h"
#include "server/process.h"

namespace kelp::server {
namespace {

double unix_seconds(const Clock& clock) {
  return std::chrono::duration<double>(clock.wall().time_since_epoch()).count();
}

}  // namespace

ProcessProbe::ProcessProbe(Metrics& metrics, const Clock& clock, std::string_view role)
    : clock_(clock),
      time_(metrics.gauge("kelp_server_time_seconds",
                          "What the machine's clock shows, in seconds since 1970.")),
      resident_(metrics.gauge("kelp_server_resident_bytes", "Memory that the process has.")),
      cpu_(metrics.counter("kelp_server_cpu_seconds_total", "CPU time of all threads.")) {
  metrics
      .gauge("kelp_server_info", "1; which Kelp this is, as labels.",
             {{"version", std::string(kVersion)}, {"role", std::string(role)}})
      .Set(1);
  metrics
      .gauge("kelp_server_start_time_seconds",
             "When the process began to serve, in seconds since 1970.")
      .Set(unix_seconds(clock));
}

void ProcessProbe::look() {
  time_.Set(unix_seconds(clock_));
  resident_.Set(static_cast<double>(resident_bytes()));
  const std::lock_guard lock(mutex_);
  const double now = std::chrono::duration<double>(cpu_time()).count();
  if (now > cpu_.Value()) cpu_.Increment(now - cpu_.Value());
}

}  // namespace kelp::server
