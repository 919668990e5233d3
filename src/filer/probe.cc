#include "filer/probe.h"

#include <limits>

namespace kelp {

FilerProbe::FilerProbe(Metrics& metrics)
    : dead_needles(metrics.gauge("kelp_filer_dead_needles",
                                 "Needles that wait for their removal, counted up to 10,000")),
      needles_removed(metrics.counter("kelp_filer_needles_removed_total",
                                      "Dead needles that the collector removed")),
      orphans_buried(metrics.counter("kelp_filer_orphans_buried_total",
                                     "Needles that nothing named, found by the collector")),
      left_over_parts(metrics.counter("kelp_filer_left_over_parts_total",
                                      "Parts whose upload was gone, found by the collector")),
      dropped_rows(metrics.counter("kelp_filer_dropped_rows_total",
                                   "Rows of dropped buckets that the collector took away")),
      annotations_removed(metrics.counter("kelp_filer_annotations_removed_total",
                                          "Annotations that went behind their objects")),
      failed_rounds(
          metrics.counter("kelp_filer_failed_rounds_total", "Rounds of the collector that failed")),
      failing_volumes(metrics.gauge("kelp_filer_failing_volumes",
                                    "Volumes that the collector leaves out because they fail; "
                                    "their room is not given back")) {
  dead_needles.Set(std::numeric_limits<double>::quiet_NaN());
}

}  // namespace kelp
