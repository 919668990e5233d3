#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/ids.h"

namespace kelp {

/// A volume that vacuum could be good for.
struct VacuumCandidate {
  VolumeId volume;
  std::uint64_t disk_bytes = 0;  ///< What its log takes on the disk, holes not counted.
  std::uint64_t live_bytes = 0;  ///< Of its needles: what the new log will take.
};

/// When vacuum is worth its work.
struct VacuumRule {
  double garbage = 0.3;           ///< Of a log's room, 0 to 1.
  std::uint64_t least_bytes = 0;  ///< Less garbage is not worth a copy.
  std::uint64_t room_bytes = 0;   ///< Free for the new log.
};

/// What to vacuum next.
struct VacuumChoice {
  std::optional<VolumeId> volume;  ///< The most garbage for the least copied bytes.
  std::optional<VacuumCandidate>
      too_large;  ///< The smallest that would be worth it and has no room.
};

/// Pure.
[[nodiscard]] VacuumChoice choose_vacuum(const std::vector<VacuumCandidate>& candidates,
                                         const VacuumRule& rule);

}  // namespace kelp
