#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "async/work_pool.h"
#include "base/ids.h"
#include "volume/core/packing.h"

namespace kelp {

/// Extents made last: the members of a volume that is packed come for their shards one after the
/// other, and each extent is read, encoded and held once for all of them. Thread-safe.
class PackCache {
 public:
  /// Two finished ones and one being made: about 45 MiB for ec(4,2).
  static constexpr std::size_t kKept = 2;
  struct Key {
    VolumeId volume;
    Generation generation;
    std::uint8_t data = 0;
    std::uint8_t parity = 0;
    NeedleKey after;
    friend auto operator<=>(const Key&, const Key&) = default;
  };
  /// Null: no needles are left.
  using Extent = std::shared_ptr<const PackedExtent>;
  using Make = std::function<Result<Extent>()>;

  /// What `make` gave for `key`, called on `pool` unless it was lately or is just now. Failures
  /// are not kept.
  Task<Result<Extent>> get(WorkPool& pool, Key key, Make make);
  /// The same where whoever asks first makes it by waiting for others.
  using Gather = std::function<Task<Result<Extent>>()>;
  Task<Result<Extent>> get(Key key, Gather gather);
  /// Nobody comes for the extents of this volume any more, or hardly.
  void forget(VolumeId volume);

 private:
  using Done = std::function<void(Result<Extent>)>;
  struct Made {
    Key key;
    Extent extent;
  };
  [[nodiscard]] std::vector<Done> take_waiters(const Key& key, const Result<Extent>& outcome);

  std::mutex mutex_;
  std::vector<Made> made_;  ///< The oldest first.
  std::map<Key, std::vector<Done>> making_;
};

}  // namespace kelp
