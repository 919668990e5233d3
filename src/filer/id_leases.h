#pragma once

#include <cstdint>
#include <mutex>
#include <optional>

#include "async/awaitable.h"
#include "kv/kv_async.h"

namespace kelp {

/// Hands out numbers that are never given twice, not even after a crash: it leases ranges of them
/// by a durable commit before their use. Rising within one filer. Thread-safe.
class IdLeases {
 public:
  /// `kv` must outlive this. `lease_ids`: how many a lease takes.
  IdLeases(KvAsync& kv, std::uint64_t lease_ids) : kv_(kv), lease_ids_(lease_ids) {}

  /// A fresh number, never 0, greater than `above`.
  Task<Result<std::uint64_t>> next(std::uint64_t above = 0);

 private:
  std::optional<std::uint64_t> take(std::uint64_t above);
  Task<Result<void>> lease(std::uint64_t above);

  KvAsync& kv_;
  const std::uint64_t lease_ids_;
  std::mutex mutex_;
  std::uint64_t next_ = 0;  ///< Under mutex_: [next_, end_) is ours and was not handed out.
  std::uint64_t end_ = 0;
};

}  // namespace kelp
