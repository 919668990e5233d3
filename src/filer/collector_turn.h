#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

#include "async/awaitable.h"
#include "base/clock.h"
#include "filer/core/keys.h"
#include "kv/kv_async.h"

namespace kelp {

/// Which of several filers on one store collects, or does another job. It only saves work: two at
/// once do everything twice and nothing wrong (a needle is buried or removed twice), so that clocks
/// that differ do no harm.
struct CollectorTurn {
  std::uint64_t holder = 0;             ///< Who asks; random, not 0.
  std::chrono::nanoseconds length;      ///< From `now`, when it is taken or prolonged.
  std::string row = keys::collector();  ///< Which says whose turn it is.
};

/// Whether the turn is ours, taken or prolonged by a commit; false while somebody else's lasts.
/// `kv` must outlive the call.
Task<Result<bool>> take_turn(KvAsync& kv, CollectorTurn turn, WallTime now);

/// A turn that is asked for before each piece of work: ours for a minute, prolonged when a third of
/// that is over. `kv` must outlive it.
class HeldTurn {
 public:
  /// `holder`: as CollectorTurn::holder; 0: nobody else takes turns.
  HeldTurn(KvAsync& kv, std::uint64_t holder, std::string row)
      : kv_(kv), holder_(holder), row_(std::move(row)) {}

  /// Whether it is ours; false while somebody else's lasts.
  Task<Result<bool>> is_ours(Clock& clock);

 private:
  KvAsync& kv_;
  const std::uint64_t holder_;
  const std::string row_;
  MonoTime prolong_at_;
};

}  // namespace kelp
