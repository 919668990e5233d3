#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "async/awaitable.h"
#include "base/clock.h"
#include "base/ids.h"
#include "kelp/result.h"

namespace kelp {

/// What a volume server says of one volume.
struct VolumeStatus {
  VolumeId volume;
  Generation generation;
  std::string collection;
  std::uint64_t file_bytes = 0;  ///< Length of the log.
  std::uint64_t live_bytes =
      0;  ///< Of needles that are not removed, headers and trailers included.
  std::uint64_t needle_count = 0;
  bool read_only = false;  ///< After an I/O error, or by an operator.
};

struct NodeStatus {
  std::string node_id;  ///< UUID kept on disk.
  std::uint64_t total_bytes = 0;
  std::uint64_t free_bytes = 0;
  std::vector<VolumeStatus> volumes;
};

/// A needle as fsck and the collector see it.
struct NeedleInfo {
  NeedleKey key;
  Cookie cookie;
  std::uint64_t body_bytes = 0;
  BucketId bucket;
};

/// What the master and the collector ask of a volume server. Safe from any io thread.
class VolumeAdmin {
 public:
  virtual ~VolumeAdmin() = default;
  virtual Task<Result<NodeStatus>> status() = 0;
  /// Makes an empty volume, durable when this returns. kAlreadyExists for a known id, kNoSpace.
  virtual Task<Result<void>> create_volume(VolumeId volume, Generation generation,
                                           std::string collection) = 0;
  /// Live needles of `volume` with keys in [after + 1, …), ascending, at most `limit`.
  virtual Task<Result<std::vector<NeedleInfo>>> list_needles(VolumeId volume, NeedleKey after,
                                                             std::uint32_t limit) = 0;
  /// Reads every byte of a volume and compares it with its checksums; the needles that fail.
  virtual Task<Result<std::vector<NeedleInfo>>> verify_volume(VolumeId volume) = 0;
};

}  // namespace kelp
