#pragma once

#include <chrono>
#include <cstdint>

#include "async/timers.h"
#include "async/work_pool.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "filer/body_mover.h"
#include "filer/collector_turn.h"
#include "filer/core/expiry.h"
#include "filer/filer_service.h"
#include "kv/kv_async.h"

namespace kelp {

/// How often lifecycle rules are applied, and how.
struct LifecycleOptions {
  /// From the end of a pass over all buckets to the begin of the next.
  std::chrono::nanoseconds interval = std::chrono::hours(1);
  lifecycle::Calendar calendar;
  /// As CollectorOptions::holder.
  std::uint64_t holder = 0;
  ExpiryLimits limits;
};

/// What the runner needs; all must outlive it.
struct LifecycleSeams {
  FilerService& filer;
  KvStore& store;  ///< The filer's.
  WorkPool& pool;
  Clock& clock;
  Timers& timers;
  Metrics& metrics;
  BodyMover* mover = nullptr;  ///< Null: only objects without needles move to other classes.
};

/// Applies the lifecycle rules of all buckets, in passes. A page of rows is judged by the rules of
/// that moment, and what is due goes in a commit that requires the rules and the versions to be
/// what was judged (FilerService::expire). How far a pass came stands in a row, so that whoever
/// goes on after a crash, or another filer, goes on there. It works a tenth of the time at most.
class LifecycleRunner {
 public:
  LifecycleRunner(LifecycleSeams seams, LifecycleOptions options = {});

  /// Works pass after pass until cancelled; owned by the caller's TaskGroup. Logs what fails and
  /// goes on.
  Task<void> run();
  /// Goes on with the pass that is under way, or begins one, for at most `pages` pages; true: it is
  /// over.
  Task<Result<bool>> go_on(std::size_t pages);

 private:
  struct Probe {
    explicit Probe(Metrics& metrics);
    prometheus::Counter& expired;
    prometheus::Counter& removed;
    prometheus::Counter& markers;
    prometheus::Counter& uploads;
    prometheus::Counter& moved;
    prometheus::Counter& moved_bytes;
    prometheus::Counter& locked;
    prometheus::Counter& rows;
    prometheus::Counter& passes;
    prometheus::Counter& failures;
    prometheus::Gauge& unknown;
  };

  Task<Result<bool>> is_time();
  Task<Result<LifecycleRow>> load();
  Task<Result<void>> save(LifecycleRow place);
  Task<Result<LifecycleRow>> one_page(LifecycleRow place);
  Task<Result<LifecycleRow>> apply(RuledBucket ruled, ExpiryPage page, LifecycleRow place);
  Task<Result<std::uint64_t>> move_all(RuledBucket ruled, std::vector<Doomed> moves);
  Task<Result<bool>> move(RuledBucket ruled, Doomed moved);
  Task<Result<void>> abort_uploads(RuledBucket ruled, std::vector<UploadName> uploads);

  const LifecycleSeams seams_;
  const LifecycleOptions options_;
  KvAsync kv_;
  HeldTurn turn_;
  Probe probe_;
  WallTime idle_since_;     ///< The end of the last pass that found no rules: no row says it.
  bool any_rules_ = false;  ///< The pass that is under way found some.
  std::size_t unknown_ = 0;
};

}  // namespace kelp
