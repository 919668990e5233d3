#pragma once

#include "base/metrics.h"

namespace kelp {

/// The filer room's metrics; handles are looked up once. Thread-safe.
struct FilerProbe {
  explicit FilerProbe(Metrics& metrics);

  /// Not a number until the first round of the collector is over: then everything that a crash left
  /// is among them.
  prometheus::Gauge& dead_needles;
  prometheus::Counter& needles_removed;
  prometheus::Counter& orphans_buried;
  prometheus::Counter& left_over_parts;
  prometheus::Counter& dropped_rows;
  prometheus::Counter& annotations_removed;
  prometheus::Counter& failed_rounds;
  prometheus::Gauge& failing_volumes;
};

}  // namespace kelp
