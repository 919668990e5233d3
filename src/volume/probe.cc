#include "volume/probe.h"

namespace kelp {

VolumeProbe::VolumeProbe(Metrics& metrics)
    : read_bytes(metrics.counter("kelp_volume_read_bytes_total", "Body bytes read and verified")),
      written_bytes(
          metrics.counter("kelp_volume_written_bytes_total", "Bytes written to volume logs")),
      needles_written(metrics.counter("kelp_volume_needles_written_total", "Needles acknowledged")),
      needles_removed(metrics.counter("kelp_volume_needles_removed_total", "Needles removed")),
      uploads_abandoned(metrics.counter("kelp_volume_uploads_abandoned_total",
                                        "Uploads given up after room was taken")),
      syncs(metrics.counter("kelp_volume_syncs_total", "fdatasync calls on volume logs")),
      corruptions(metrics.counter("kelp_volume_corruptions_total",
                                  "Needles found not to match their checksums")),
      read_only_volumes(metrics.gauge("kelp_volume_read_only_volumes",
                                      "Volumes that refuse writes: after an I/O error, or as they "
                                      "were refused at start")),
      refused_volumes(metrics.gauge("kelp_volume_refused_volumes",
                                    "Volumes that did not check at start: not served at all")) {}

}  // namespace kelp
