#include "volume/store/cached_log.h"

namespace kelp {

CachedLog::CachedLog(BlockCache& cache, std::shared_ptr<File> disk, NeedleSeed seed,
                     CachedFile::Settled settled)
    : cache_(cache),
      file_(std::make_shared<CachedFile>(std::move(disk), cache, std::move(settled))),
      reader_(file_, seed) {}

template <typename T>
Task<Result<T>> CachedLog::read(Where where, WorkPool& disk_pool, NeedleReader& past,
                                Look<T> look) {
  Result<T> outcome = look(reader_, ReadMode::kCachedOnly);
  if (outcome.has_value() && !static_cast<bool>(*outcome)) {
    // A disk whose threads are all busy keeps nobody from what the cache has.
    const bool here = file_->has(where.place.offset + where.offset);
    auto job = [this, keep = where.keep, look] { return look(reader_, ReadMode::kMayWait); };
    outcome = co_await offload<T>(here ? cache_.pool() : disk_pool, std::move(job));
  }
  if (outcome.has_value() || outcome.error().code() != Errc::kCorruption) co_return outcome;
  const std::size_t dropped = file_->forget(where.place.offset, where.place.bytes);
  auto again = [&past, keep = where.keep, look] { return look(past, ReadMode::kMayWait); };
  outcome = co_await offload<T>(disk_pool, std::move(again));
  if (outcome.has_value() && dropped > 0) cache_.count_bad();
  co_return outcome;
}

template Task<Result<bool>> CachedLog::read(Where, WorkPool&, NeedleReader&, Look<bool>);
template Task<Result<std::optional<NeedleReader::Stub>>> CachedLog::read(
    Where, WorkPool&, NeedleReader&, Look<std::optional<NeedleReader::Stub>>);

}  // namespace kelp
