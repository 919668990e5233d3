#include "volume/probe.h"

namespace kelp {

/// Metrics that all say the same directory.
class VolumeProbe::Labelled {
 public:
  Labelled(Metrics& metrics, const std::string& directory) : metrics_(metrics) {
    if (!directory.empty()) labels_.emplace("directory", directory);
  }
  prometheus::Counter& counter(const std::string& name, const std::string& help) {
    return metrics_.counter(name, help, labels_);
  }
  prometheus::Gauge& gauge(const std::string& name, const std::string& help) {
    return metrics_.gauge(name, help, labels_);
  }

 private:
  Metrics& metrics_;
  prometheus::Labels labels_;
};

VolumeProbe::VolumeProbe(Metrics& metrics, const std::string& directory)
    : VolumeProbe(Labelled(metrics, directory)) {}

VolumeProbe::VolumeProbe(Labelled metrics)
    : read_bytes(metrics.counter("kelp_volume_read_bytes_total", "Body bytes read and verified")),
      written_bytes(
          metrics.counter("kelp_volume_written_bytes_total", "Bytes written to volume logs")),
      needles_written(metrics.counter("kelp_volume_needles_written_total", "Needles acknowledged")),
      needles_removed(metrics.counter("kelp_volume_needles_removed_total", "Needles removed")),
      uploads_abandoned(metrics.counter("kelp_volume_uploads_abandoned_total",
                                        "Uploads given up after room was taken")),
      syncs(metrics.counter("kelp_volume_syncs_total", "fdatasync calls on volume logs")),
      write_seconds(metrics.gauge("kelp_volume_write_seconds",
                                  "What the quickest write of the last seconds took, sync "
                                  "included")),
      corruptions(metrics.counter("kelp_volume_corruptions_total",
                                  "Needles found not to match their checksums")),
      background_read_bytes(metrics.counter("kelp_volume_background_read_bytes_total",
                                            "Bytes read so that another server has a copy")),
      background_written_bytes(metrics.counter("kelp_volume_background_written_bytes_total",
                                               "Bytes written as copies from other servers")),
      read_only_volumes(metrics.gauge("kelp_volume_read_only_volumes",
                                      "Volumes that refuse writes: after an I/O error, or as they "
                                      "were refused at start")),
      refused_volumes(metrics.gauge("kelp_volume_refused_volumes",
                                    "Volumes that did not check at start: not served at all")),
      damaged_needles(
          metrics.gauge("kelp_volume_damaged_needles",
                        "Needles that do not match their checksums and are not healed")),
      healed_needles(metrics.counter("kelp_volume_healed_needles_total",
                                     "Damaged needles that were replaced from another copy")),
      scrubbed_bytes(metrics.counter("kelp_volume_scrubbed_bytes_total",
                                     "Bytes of needles that scrub read and compared")),
      scrub_passes(metrics.counter("kelp_volume_scrub_passes_total",
                                   "Times that scrub was through all volumes")),
      vacuumed_volumes(metrics.counter("kelp_volume_vacuumed_volumes_total",
                                       "Times that a volume was copied without its garbage")),
      vacuumed_bytes(metrics.counter("kelp_volume_vacuumed_bytes_total", "Bytes copied by vacuum")),
      sparse_garbage_bytes(metrics.gauge(
          "kelp_volume_sparse_garbage_bytes",
          "Bytes of removed needles in extents of which less than half lives, of all shards")),
      disk_bytes(metrics.gauge("kelp_volume_disk_bytes", "Size of the disk of the volumes")),
      free_bytes(metrics.gauge("kelp_volume_free_bytes",
                               "Free for new needles: without what is kept back or promised")) {}

}  // namespace kelp
