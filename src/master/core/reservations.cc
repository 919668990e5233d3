#include "master/core/reservations.h"

#include <algorithm>

namespace kelp::master {

void Reservations::grant(VolumeId volume, std::uint64_t bytes, MonoTime expires) {
  Promised& promised = grants_[volume];
  promised.grants.push_back({bytes, expires});
  promised.sum += bytes;
}

void Reservations::release(VolumeId volume, std::uint64_t bytes) {
  const auto found = grants_.find(volume);
  if (found == grants_.end()) return;
  auto& [grants, sum] = found->second;
  while (bytes > 0 && !grants.empty()) {
    const std::uint64_t ended = std::min(bytes, grants.front().bytes);
    bytes -= ended;
    sum -= ended;
    grants.front().bytes -= ended;
    if (grants.front().bytes == 0) grants.pop_front();
  }
  if (grants.empty()) grants_.erase(found);
}

void Reservations::expire(MonoTime now) {
  for (auto it = grants_.begin(); it != grants_.end();) {
    std::erase_if(it->second.grants, [&sum = it->second.sum, now](const Grant& grant) {
      if (grant.expires > now) return false;
      sum -= grant.bytes;
      return true;
    });
    it = it->second.grants.empty() ? grants_.erase(it) : std::next(it);
  }
}

std::uint64_t Reservations::of(VolumeId volume) const {
  const auto found = grants_.find(volume);
  return found == grants_.end() ? 0 : found->second.sum;
}

std::uint64_t Reservations::total() const {
  std::uint64_t sum = 0;
  for (const auto& [volume, promised] : grants_) sum += promised.sum;
  return sum;
}

}  // namespace kelp::master
