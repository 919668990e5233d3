#pragma once

#include "client/master_client.h"
#include "client/remotes.h"

namespace kelp {

/// A master that knows the remotes of this process: leases for storage classes that lie in one are
/// keys of the master's and the remote's own volume. Thread-safe as the master is.
class RemoteLeases final : public MasterClient {
 public:
  /// Both must outlive this.
  RemoteLeases(MasterClient& master, const Remotes& remotes) : master_(master), remotes_(remotes) {}

  Task<Result<WriteLease>> lease(LeaseRequest request) override;
  Task<Result<void>> release(VolumeId volume, std::uint64_t bytes) override;
  Task<Result<VolumeLocation>> locate(VolumeId volume) override;

 private:
  MasterClient& master_;
  const Remotes& remotes_;
};

}  // namespace kelp
