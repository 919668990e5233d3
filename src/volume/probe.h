#pragma once

#include "base/metrics.h"

namespace kelp {

/// The volume room's metrics; handles are looked up once. Thread-safe.
struct VolumeProbe {
  /// `directory`: the label with which they are told from those of other directories of the
  /// process; empty: none.
  explicit VolumeProbe(Metrics& metrics, const std::string& directory = {});
  class Labelled;
  explicit VolumeProbe(Labelled metrics);

  prometheus::Counter& read_bytes;
  prometheus::Counter& written_bytes;
  prometheus::Counter& needles_written;
  prometheus::Counter& needles_removed;
  prometheus::Counter& uploads_abandoned;
  prometheus::Counter& syncs;
  prometheus::Gauge& write_seconds;
  prometheus::Counter& corruptions;
  prometheus::Counter& background_read_bytes;
  prometheus::Counter& background_written_bytes;
  prometheus::Gauge& read_only_volumes;
  prometheus::Gauge& refused_volumes;
  prometheus::Gauge& damaged_needles;
  prometheus::Counter& healed_needles;
  prometheus::Counter& scrubbed_bytes;
  prometheus::Counter& scrub_passes;
  prometheus::Counter& vacuumed_volumes;
  prometheus::Counter& vacuumed_bytes;
  prometheus::Gauge& sparse_garbage_bytes;
  prometheus::Gauge& disk_bytes;
  prometheus::Gauge& free_bytes;
};

}  // namespace kelp
