#pragma once

#include <string>

#include "async/work_pool.h"
#include "base/clock.h"
#include "base/metrics.h"

namespace kelp {

/// What the figures of a pool are kept by and said of. Both must outlive the pool.
struct PoolMeasure {
  Metrics& metrics;
  const Clock& clock;
  std::string name;       ///< The label `pool`: one of a few.
  std::string directory;  ///< The label `directory`; "": none.
};

/// make_thread_pool() with figures: its threads, how long they worked, how long work waited for
/// them, and what was refused. Pools of one measure count together.
[[nodiscard]] std::unique_ptr<WorkPool> make_measured_pool(ThreadPoolOptions options,
                                                           const PoolMeasure& measure);

}  // namespace kelp
