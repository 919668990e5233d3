#include "client/location_cache.h"

#include "base/log.h"

namespace kelp {
namespace {

constexpr std::chrono::seconds kWatch{20};
constexpr std::chrono::seconds kPause{1};

}  // namespace

LocationCache::LocationCache(MasterClient& master, MasterControl& control, Clock& clock,
                             Timers& timers)
    : master_(master), control_(control), clock_(clock), timers_(timers) {}

Task<void> LocationCache::follow() {
  while (true) {
    auto change = co_await control_.watch_locations(sequence_, clock_.mono() + kWatch);
    if (change.has_value()) {
      take(*std::move(change));
      continue;
    }
    logger("client").debug("locations_unknown error={}", log_value(change.error().message()));
    if (!(co_await timers_.sleep_until(clock_.mono() + kPause)).has_value()) co_return;
  }
}

void LocationCache::take(LocationChange change) {
  sequence_ = change.sequence;
  const std::lock_guard lock(mutex_);
  for (VolumeLocation& location : change.volumes) {
    VolumeLocation& known = known_[location.volume.value];
    if (known.generation <= location.generation) known = std::move(location);
  }
}

Task<Result<VolumeLocation>> LocationCache::locate(VolumeId volume) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto at = known_.find(volume.value); at != known_.end()) co_return at->second;
  }
  KELP_CO_TRY(VolumeLocation location, co_await master_.locate(volume));
  const std::lock_guard lock(mutex_);
  VolumeLocation& known = known_[volume.value];
  if (known.generation <= location.generation) known = std::move(location);
  co_return known;
}

void LocationCache::forget(VolumeId volume) {
  const std::lock_guard lock(mutex_);
  known_.erase(volume.value);
}

}  // namespace kelp
