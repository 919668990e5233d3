#pragma once

#include <string>
#include <vector>

#include "client/location_cache.h"
#include "client/master_control.h"
#include "client/volume_nodes.h"

namespace kelp {

/// All volumes of a cluster as the collector and fsck look at them. Safe from any io thread.
class ClusterVolumeAdmin final : public VolumeAdmin {
 public:
  /// Everything must outlive this.
  ClusterVolumeAdmin(VolumeNodes& nodes, MasterControl& master, LocationCache& locations)
      : nodes_(nodes), master_(master), locations_(locations) {}

  /// Every volume that was decided on, once; read-only while not all of its copies are healthy. The
  /// bytes are those of all living nodes.
  Task<Result<NodeStatus>> status() override;
  /// The masters make volumes: kUnimplemented.
  Task<Result<void>> create_volume(VolumeId volume, Generation generation,
                                   std::string collection) override;
  /// Of all copies together: what a failed write left on one of them is there too. kUnavailable
  /// while a copy does not answer.
  Task<Result<std::vector<NeedleInfo>>> list_needles(VolumeId volume, NeedleKey after,
                                                     std::uint32_t limit) override;
  /// Needles that fail on any copy.
  Task<Result<std::vector<NeedleInfo>>> verify_volume(VolumeId volume) override;

 private:
  VolumeNodes& nodes_;
  MasterControl& master_;
  LocationCache& locations_;
};

}  // namespace kelp
