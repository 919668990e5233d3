#pragma once

#include <cstdint>
#include <deque>
#include <map>

#include "base/clock.h"
#include "base/ids.h"

namespace kelp::master {

/// Room promised to leases and not yet given back, per volume. In memory only: a restart ends every
/// promise. Not thread-safe.
class Reservations {
 public:
  void grant(VolumeId volume, std::uint64_t bytes, MonoTime expires);
  /// Ends `bytes` of promises on `volume`, oldest first; more than there are ends all.
  void release(VolumeId volume, std::uint64_t bytes);
  /// Drops promises whose lease has expired.
  void expire(MonoTime now);
  [[nodiscard]] std::uint64_t of(VolumeId volume) const;
  [[nodiscard]] std::uint64_t total() const;
  /// Calls `visit(volume, bytes)` for each volume that has promises.
  template <typename Visit>
  void for_each(Visit visit) const {
    for (const auto& [volume, promised] : grants_) visit(volume, promised.sum);
  }

 private:
  struct Grant {
    std::uint64_t bytes;
    MonoTime expires;
  };
  struct Promised {
    std::deque<Grant> grants;
    std::uint64_t sum = 0;
  };
  std::map<VolumeId, Promised> grants_;
};

}  // namespace kelp::master
