#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "master/core/reservations.h"
#include "master/core/state.h"
#include "wire/lease.h"
#include "wire/node_status.h"

namespace kelp::master {

/// What bounds placement.
struct PlacementOptions {
  std::uint64_t volume_size_limit = 8ULL << 30;  ///< A volume at or past it is sealed.
  /// Volumes of a collection that take needles at once. Few, so that one sync serves many writers.
  std::uint32_t writable_volumes = 1;
  /// Volumes that may be made beyond those when the others fail; a bound against making volumes
  /// without end on a broken disk.
  std::uint32_t spare_volumes = 4;
  /// Free bytes of a disk that no lease may take: the smaller of this and a twentieth of the disk.
  /// Deletions and vacuum live from it.
  std::uint64_t free_reserve_bytes = 1ULL << 30;
};

/// Where a lease goes.
struct Placement {
  enum class Kind : std::uint8_t {
    kUse,     ///< `volume` takes it.
    kFinish,  ///< `volume` is in phase kCreating: make it first.
    kCreate   ///< A new volume is needed.
  };
  Kind kind = Kind::kUse;
  VolumeId volume;             ///< kUse and kFinish.
  std::vector<VolumeId> full;  ///< Writable volumes to seal.
};

/// Decides where `request` goes, from what was decided (`state`), what the disk says (`node`) and
/// what is promised. A volume whose generation, or whose server, differs from the record is never
/// used. Errors: kNoSpace, kUnavailable, saying what is missing.
[[nodiscard]] Result<Placement> place(const MasterState& state, const NodeStatus& node,
                                      const Reservations& reservations, const LeaseRequest& request,
                                      const PlacementOptions& options);

/// What `node` says of `volume`, when it may be trusted: the same generation, on a member's disk.
[[nodiscard]] const VolumeStatus* trusted_status(const MasterState& state, const NodeStatus& node,
                                                 VolumeId volume);

}  // namespace kelp::master
