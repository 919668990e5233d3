#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/ids.h"

namespace kelp {

/// What a volume server says of one volume.
struct VolumeStatus {
  VolumeId volume;
  Generation generation;  ///< 0: the volume was refused at start, nothing of it is served.
  std::string collection;
  std::uint64_t file_bytes = 0;  ///< Length of the log.
  std::uint64_t live_bytes =
      0;  ///< Of needles that are not removed, headers and trailers included.
  std::uint64_t needle_count = 0;
  bool read_only = false;  ///< After an I/O error, or by an operator.
  bool frozen = false;     ///< A job copies it: nothing is written (client/volume_replicas.h).
};

/// What a volume server says of itself.
struct NodeStatus {
  std::string node_id;  ///< UUID kept on disk.
  std::uint64_t total_bytes = 0;
  std::uint64_t free_bytes = 0;  ///< For new needles: what the server keeps back is not in it.
  std::vector<VolumeStatus> volumes;
  std::uint64_t write_micros = 0;  ///< What the quickest write of the last seconds took, with its
                                   ///< sync; 0: not known.
};

/// A needle as fsck and the collector see it.
struct NeedleInfo {
  NeedleKey key;
  Cookie cookie;
  std::uint64_t body_bytes = 0;
  BucketId bucket;
};

}  // namespace kelp
