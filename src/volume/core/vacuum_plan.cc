#include "volume/core/vacuum_plan.h"

#include <algorithm>

namespace kelp {

VacuumChoice choose_vacuum(const std::vector<VacuumCandidate>& candidates, const VacuumRule& rule) {
  VacuumChoice choice;
  double best = 0;
  for (const VacuumCandidate& each : candidates) {
    const std::uint64_t garbage = each.disk_bytes - std::min(each.disk_bytes, each.live_bytes);
    const auto gain = static_cast<double>(garbage);
    if (garbage < std::max<std::uint64_t>(rule.least_bytes, 1) ||
        gain < rule.garbage * static_cast<double>(each.disk_bytes)) {
      continue;
    }
    if (each.live_bytes > rule.room_bytes) {
      if (!choice.too_large || each.live_bytes < choice.too_large->live_bytes) {
        choice.too_large = each;
      }
      continue;
    }
    const double score = gain / static_cast<double>(each.live_bytes + 1);
    if (score <= best) continue;
    best = score;
    choice.volume = each.volume;
  }
  return choice;
}

}  // namespace kelp
