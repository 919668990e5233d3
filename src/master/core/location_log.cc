#include "master/core/location_log.h"

#include <algorithm>

namespace kelp::master {

void LocationLog::reset(std::uint64_t now) {
  changes_.clear();
  known_from_ = now;
  newest_ = now;
}

void LocationLog::note(std::uint64_t sequence, VolumeId volume) {
  changes_.push_back({sequence, volume});
  newest_ = sequence;
  while (changes_.size() > kLimit) {
    known_from_ = changes_.front().sequence;
    changes_.pop_front();
  }
}

std::optional<std::set<VolumeId>> LocationLog::since(std::uint64_t after) const {
  if (!knows(after)) return std::nullopt;
  const auto first = std::ranges::upper_bound(changes_, after, {}, &Change::sequence);
  std::set<VolumeId> volumes;
  for (auto change = first; change != changes_.end(); ++change) volumes.insert(change->volume);
  return volumes;
}

}  // namespace kelp::master
