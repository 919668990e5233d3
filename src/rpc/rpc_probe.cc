#include "rpc/rpc_probe.h"

#include <utility>

namespace kelp {
namespace {

/// From a look into memory to a scan of a volume.
const prometheus::Histogram::BucketBoundaries kBounds{0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01,
                                                      0.025,  0.1,    0.5,   2.5,    10,    60};

std::string label_of(Errc code) {
  return code == Errc{} ? "ok" : std::string(name_of(code));
}

}  // namespace

RpcMethodProbe::RpcMethodProbe(Metrics* metrics, const Clock& clock, std::string method)
    : metrics_(metrics), clock_(clock), method_(std::move(method)) {
  if (metrics_ == nullptr) return;
  running_ = &metrics_->gauge("kelp_rpc_running_requests",
                              "Calls of other daemons that are being served.");
}

void RpcMethodProbe::refused(Errc code) {
  if (metrics_ != nullptr) count(code);
}

void RpcMethodProbe::began() {
  if (running_ != nullptr) running_->Increment();
}

void RpcMethodProbe::finished() {
  if (running_ != nullptr) running_->Decrement();
}

void RpcMethodProbe::answered(Errc code, MonoTime arrived) {
  if (metrics_ == nullptr) return;
  count(code);
  if (seconds_ == nullptr) {
    seconds_ = &metrics_->histogram("kelp_rpc_request_duration_seconds",
                                    "From a call's arrival to its answer.", kBounds,
                                    {{"method", method_}});
  }
  seconds_->Observe(std::chrono::duration<double>(clock_.mono() - arrived).count());
}

void RpcMethodProbe::count(Errc code) {
  prometheus::Counter*& requests = requests_.at(std::to_underlying(code));
  if (requests == nullptr) {
    requests = &metrics_->counter("kelp_rpc_requests_total",
                                  "Calls of other daemons, by method and how they ended.",
                                  {{"method", method_}, {"code", label_of(code)}});
  }
  requests->Increment();
}

}  // namespace kelp
