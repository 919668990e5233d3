#pragma once

#include <cstdint>
#include <mutex>
#include <optional>

#include <boost/unordered/unordered_flat_map.hpp>

#include "async/timers.h"
#include "base/clock.h"
#include "client/master_client.h"
#include "client/master_control.h"

namespace kelp {

/// Where volumes are, as far as is known: fed by the masters' stream of changes, asked for when a
/// volume is not known yet. What it says may be old; the volume servers refuse what is too old, and
/// then `forget` makes the next look ask again. Safe from any io thread.
class LocationCache {
 public:
  /// Everything must outlive this.
  LocationCache(MasterClient& master, MasterControl& control, Clock& clock, Timers& timers);

  /// Follows the changes until it is cancelled. Without it the cache only learns by asking.
  Task<void> follow();
  /// As MasterClient::locate, mostly from memory.
  Task<Result<VolumeLocation>> locate(VolumeId volume);
  void forget(VolumeId volume);

 private:
  void take(LocationChange change);

  MasterClient& master_;
  MasterControl& control_;
  Clock& clock_;
  Timers& timers_;
  std::uint64_t sequence_ = 0;  ///< Of follow() alone.
  std::mutex mutex_;
  boost::unordered_flat_map<std::uint32_t, VolumeLocation> known_;
};

}  // namespace kelp
