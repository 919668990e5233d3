#include "volume/pack_cache.h"

#include <algorithm>

namespace kelp {

Task<Result<PackCache::Extent>> PackCache::get(WorkPool& pool, Key key, Make make) {
  auto start = [this, &pool, key, work = std::move(make)](Done done) {
    {
      const std::unique_lock lock(mutex_);
      const auto found = std::ranges::find(made_, key, &Made::key);
      if (found != made_.end()) {
        done(found->extent);
        return;
      }
      const auto [place, first] = making_.try_emplace(key);
      place->second.push_back(std::move(done));
      if (!first) return;
    }
    const auto tell = [this, key](const Result<Extent>& outcome) {
      for (const Done& waiter : take_waiters(key, outcome)) waiter(outcome);
    };
    if (pool.try_post([work, tell] { tell(work()); })) return;
    tell(Error(Errc::kResourceExhausted, "the disk pool's queue is full"));
  };
  co_return co_await await_callback<Result<Extent>>(std::move(start));
}

Task<Result<PackCache::Extent>> PackCache::get(Key key, Gather gather) {
  bool first = false;
  auto start = [this, key, &first](Done done) {
    const std::unique_lock lock(mutex_);
    const auto found = std::ranges::find(made_, key, &Made::key);
    if (found != made_.end()) return done(found->extent);
    const auto [place, added] = making_.try_emplace(key);
    first = added;
    if (first) return done(Extent());
    place->second.push_back(std::move(done));
  };
  auto outcome = co_await await_callback<Result<Extent>>(std::move(start));
  if (!first) co_return outcome;
  outcome = co_await gather();
  // Who waits was not cancelled.
  const bool left = !outcome.has_value() && outcome.error().code() == Errc::kCancelled;
  const Result<Extent> told =
      left ? Result<Extent>(Error(Errc::kUnavailable, "who made the extent was stopped")) : outcome;
  for (const Done& waiter : take_waiters(key, told)) waiter(told);
  co_return outcome;
}

void PackCache::forget(VolumeId volume) {
  const std::unique_lock lock(mutex_);
  std::erase_if(made_, [volume](const Made& made) { return made.key.volume == volume; });
}

std::vector<PackCache::Done> PackCache::take_waiters(const Key& key,
                                                     const Result<Extent>& outcome) {
  const std::unique_lock lock(mutex_);
  if (outcome.has_value() && *outcome != nullptr) {
    made_.push_back({key, *outcome});
    if (made_.size() > kKept) made_.erase(made_.begin());
  }
  return std::move(making_.extract(key).mapped());
}

}  // namespace kelp
