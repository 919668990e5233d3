#pragma once

#include "base/metrics.h"

namespace kelp::raft {

/// A member's metrics; handles are looked up once. Thread-safe.
struct NodeProbe {
  explicit NodeProbe(Metrics& metrics);

  prometheus::Gauge& term;
  prometheus::Gauge& role;
  prometheus::Gauge& commit_index;
  prometheus::Gauge& applied_index;
  prometheus::Gauge& failed;
  prometheus::Counter& elections;
  prometheus::Counter& proposals;
  prometheus::Counter& snapshots_made;
  prometheus::Counter& snapshots_installed;
  prometheus::Histogram& append_seconds;
};

}  // namespace kelp::raft
