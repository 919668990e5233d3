#include "master/core/reservations.h"

#include <algorithm>

namespace kelp::master {

void Reservations::grant(VolumeId volume, std::uint64_t bytes, MonoTime expires) {
  grants_[volume].push_back({bytes, expires});
}

void Reservations::release(VolumeId volume, std::uint64_t bytes) {
  const auto found = grants_.find(volume);
  if (found == grants_.end()) return;
  auto& grants = found->second;
  while (bytes > 0 && !grants.empty()) {
    const std::uint64_t ended = std::min(bytes, grants.front().bytes);
    bytes -= ended;
    grants.front().bytes -= ended;
    if (grants.front().bytes == 0) grants.pop_front();
  }
  if (grants.empty()) grants_.erase(found);
}

void Reservations::expire(MonoTime now) {
  for (auto it = grants_.begin(); it != grants_.end();) {
    std::erase_if(it->second, [now](const Grant& grant) { return grant.expires <= now; });
    it = it->second.empty() ? grants_.erase(it) : std::next(it);
  }
}

std::uint64_t Reservations::of(VolumeId volume) const {
  const auto found = grants_.find(volume);
  if (found == grants_.end()) return 0;
  std::uint64_t sum = 0;
  for (const Grant& grant : found->second) sum += grant.bytes;
  return sum;
}

std::uint64_t Reservations::total() const {
  std::uint64_t sum = 0;
  for (const auto& [volume, grants] : grants_) sum += of(volume);
  return sum;
}

}  // namespace kelp::master
