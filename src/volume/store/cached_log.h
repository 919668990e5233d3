#pragma once

#include <functional>
#include <memory>

#include "async/awaitable.h"
#include "volume/store/cached_file.h"
#include "volume/store/needle_reader.h"

namespace kelp {

/// A log's needles for clients, by way of a cache (docs/adr/0016-ssd-cache.md): checked like those
/// of the disk, which is asked again when they do not check. Thread-safe.
class CachedLog {
 public:
  /// `cache` outlives it.
  CachedLog(BlockCache& cache, std::shared_ptr<File> disk, NeedleSeed seed,
            CachedFile::Settled settled);

  /// Reads with the reader that it is given. A T that converts to false: the disk would have to be
  /// waited for.
  template <typename T>
  using Look = std::function<Result<T>(NeedleReader&, ReadMode)>;
  struct Where {
    NeedlePlace place;             ///< Of the needle.
    std::uint64_t offset = 0;      ///< In it, about where the reading begins.
    std::shared_ptr<void> keep{};  ///< What `look` and `past` need.
  };
  /// What `look` finds: at once when it is in memory, else on the cache's threads or, when the
  /// cache does not have it, on those of `disk_pool`. `past`: reads the same log, not the cache.
  template <typename T>
  Task<Result<T>> read(Where where, WorkPool& disk_pool, NeedleReader& past, Look<T> look);
  /// As NeedleReader::try_pin().
  [[nodiscard]] PinnedPages try_pin(const NeedlePlace& place, const FileId& fid,
                                    std::uint64_t offset, std::size_t bytes) {
    return reader_.try_pin(place, fid, offset, bytes);
  }

 private:
  BlockCache& cache_;
  const std::shared_ptr<CachedFile> file_;
  NeedleReader reader_;
};

}  // namespace kelp
