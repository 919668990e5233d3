#include "master/core/live_gateways.h"

namespace kelp::master {

void LiveGateways::begin(MonoTime now) {
  since_ = now;
  heard_.clear();
}

std::uint32_t LiveGateways::hear(std::uint64_t gateway, MonoTime now) {
  heard_[gateway] = now;
  std::erase_if(heard_, [now](const auto& entry) { return now - entry.second >= kLife; });
  return now - since_ < kLife ? 0 : static_cast<std::uint32_t>(heard_.size());
}

}  // namespace kelp::master
