#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <string>

namespace kelp {

/// The process's metrics; one object made at start and passed to every module's Probe. Thread-safe.
/// Names: kelp_<module>_<what>_<unit>[_total]; labels from small closed sets, never keys. Look a
/// handle up once and keep the reference: it lives as long as this object.
class Metrics {
 public:
  Metrics() = default;
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  prometheus::Counter& counter(const std::string& name, const std::string& help,
                               const prometheus::Labels& labels = {});
  prometheus::Gauge& gauge(const std::string& name, const std::string& help,
                           const prometheus::Labels& labels = {});
  /// `bounds`: upper edges of the buckets, ascending, in the unit of the name.
  prometheus::Histogram& histogram(const std::string& name, const std::string& help,
                                   const prometheus::Histogram::BucketBoundaries& bounds,
                                   const prometheus::Labels& labels = {});
  /// Everything, in Prometheus' text exposition format 0.0.4.
  [[nodiscard]] std::string text() const;

 private:
  prometheus::Registry registry_{prometheus::Registry::InsertBehavior::Merge};
};

}  // namespace kelp
