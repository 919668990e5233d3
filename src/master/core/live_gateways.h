#pragma once

#include <chrono>
#include <cstdint>
#include <map>

#include "base/clock.h"

namespace kelp::master {

/// The gateways that a leading master heard lately: what it observes, and no decision.
class LiveGateways {
 public:
  static constexpr std::chrono::seconds kLife{10};  ///< Who is silent for so long is gone.

  /// Leadership begins: nobody was heard.
  void begin(MonoTime now);
  /// Hears one, and says how many there are; 0 in the first kLife of a leadership, while others may
  /// not have been heard.
  [[nodiscard]] std::uint32_t hear(std::uint64_t gateway, MonoTime now);

 private:
  MonoTime since_;
  std::map<std::uint64_t, MonoTime> heard_;
};

}  // namespace kelp::master
