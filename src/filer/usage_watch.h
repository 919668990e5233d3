#pragma once

#include "async/timers.h"
#include "async/work_pool.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "kv/kv_async.h"

namespace kelp {

/// Keeps the metrics of what all buckets hold together, and of how many are about to be full.
class UsageWatch {
 public:
  /// All references must outlive this.
  UsageWatch(KvStore& store, WorkPool& pool, Clock& clock, Timers& timers, Metrics& metrics);

  /// Looks again and again until cancelled: every minute, or so rarely that it takes a hundredth of
  /// the time. Owned by the caller's TaskGroup. Logs what fails and goes on.
  Task<void> run();
  /// Reads the counters of all buckets once.
  Task<Result<void>> look();

 private:
  KvAsync kv_;
  Clock& clock_;
  Timers& timers_;
  prometheus::Gauge& buckets_;
  prometheus::Gauge& objects_;
  prometheus::Gauge& bytes_;
  prometheus::Gauge& upload_bytes_;
  prometheus::Gauge& near_quota_;
};

}  // namespace kelp
