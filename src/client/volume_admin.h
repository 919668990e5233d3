#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "async/awaitable.h"
#include "base/ids.h"
#include "kelp/result.h"
#include "wire/node_status.h"

namespace kelp {

/// What the master and the collector ask of a volume server. Safe from any io thread.
class VolumeAdmin {
 public:
  virtual ~VolumeAdmin() = default;
  virtual Task<Result<NodeStatus>> status() = 0;
  /// Makes an empty volume, durable when this returns. kAlreadyExists for a known id, kNoSpace.
  virtual Task<Result<void>> create_volume(VolumeId volume, Generation generation,
                                           std::string collection) = 0;
  /// Live needles of `volume` with keys in [after + 1, …), ascending, at most `limit`. The extents
  /// of a packed volume only after kLastNeedleKey (wire/packed_place.h).
  virtual Task<Result<std::vector<NeedleInfo>>> list_needles(VolumeId volume, NeedleKey after,
                                                             std::uint32_t limit) = 0;
  /// Reads every byte of a volume and compares it with its checksums; the needles that fail.
  virtual Task<Result<std::vector<NeedleInfo>>> verify_volume(VolumeId volume) = 0;
};

}  // namespace kelp
