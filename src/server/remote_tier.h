#pragma once

#include <memory>

#include "base/clock.h"
#include "base/metrics.h"
#include "client/remote_leases.h"
#include "client/remote_volumes.h"
#include "os/file_io.h"
#include "server/config.h"
#include "server/data_dir.h"

namespace kelp::server {

/// What a process without remotes would use.
struct RemoteTierSeams {
  VolumeClient& volumes;
  VolumeAdmin& volume_admin;
  MasterClient& master;
};

/// Volumes and keys as gateways and filers see them: those of the cluster, and the remotes that are
/// configured. There is one in each, with remotes or without: what lies in a remote that is not
/// configured is never taken for gone.
class RemoteTier {
 public:
  /// Reads the secret keys. All must outlive it. kInvalidArgument for one that cannot be had.
  [[nodiscard]] static Result<std::unique_ptr<RemoteTier>> open(const Config& config,
                                                                const ClusterIdentity& identity,
                                                                FileIo& io, Clock& clock,
                                                                Metrics& metrics,
                                                                RemoteTierSeams seams);

  [[nodiscard]] VolumeClient& volumes() { return volumes_; }
  [[nodiscard]] VolumeAdmin& volume_admin() { return volume_admin_; }
  [[nodiscard]] MasterClient& master() { return master_; }
  /// Ends calls that are under way within a second; new ones fail.
  void stop() { remotes_.stop(); }

 private:
  RemoteTier(std::vector<std::unique_ptr<Remote>> all, RemoteTierSeams seams)
      : remotes_(std::move(all)),
        volumes_(seams.volumes, remotes_),
        volume_admin_(seams.volume_admin, remotes_),
        master_(seams.master, remotes_) {}

  const Remotes remotes_;
  RemoteVolumes volumes_;
  RemoteVolumeAdmin volume_admin_;
  RemoteLeases master_;
};

}  // namespace kelp::server
