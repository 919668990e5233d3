#pragma once

#include <cstdint>

#include "async/awaitable.h"
#include "wire/lease.h"

namespace kelp {

/// The master as its users see it; the same for one node and for Raft. Safe from any io thread.
class MasterClient {
 public:
  virtual ~MasterClient() = default;
  /// kNoSpace when no volume can take it, with what is missing; the keys are never leased again,
  /// even after a crash.
  virtual Task<Result<WriteLease>> lease(LeaseRequest request) = 0;
  /// Gives back reserved bytes of a lease: they were not written, or they are written and so count
  /// in the volume's own length.
  virtual Task<Result<void>> release(VolumeId volume, std::uint64_t bytes) = 0;
  /// kNotFound for a volume that was never made.
  virtual Task<Result<VolumeLocation>> locate(VolumeId volume) = 0;
};

}  // namespace kelp
