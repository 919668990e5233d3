#pragma once

#include <memory>
#include <string>

#include "client/volume_admin.h"
#include "client/volume_client.h"
#include "client/volume_replicas.h"

namespace kelp {

/// One volume server with everything that may be asked of it.
class VolumeNode : public VolumeClient, public VolumeAdmin, public VolumeReplicas {};

/// Volume servers by their address: in process the one that is there, in a cluster over rpc.
/// Thread-safe; connects when a call is made, so it never fails.
class VolumeNodes {
 public:
  virtual ~VolumeNodes() = default;
  /// `address` is VolumeMember::address; empty names the server in this process.
  [[nodiscard]] virtual std::shared_ptr<VolumeNode> at(const std::string& address) = 0;
};

}  // namespace kelp
