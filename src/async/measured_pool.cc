#include "async/measured_pool.h"

#include <utility>

namespace kelp {
namespace {

prometheus::Labels labels_of(const PoolMeasure& measure) {
  prometheus::Labels labels{{"pool", measure.name}};
  if (!measure.directory.empty()) labels.emplace("directory", measure.directory);
  return labels;
}

class MeasuredPool final : public WorkPool {
 public:
  MeasuredPool(ThreadPoolOptions options, const PoolMeasure& measure)
      : clock_(measure.clock),
        count_(static_cast<double>(options.threads)),
        threads_(measure.metrics.gauge("kelp_async_pool_threads", "Threads of a pool.",
                                       labels_of(measure))),
        busy_(measure.metrics.counter("kelp_async_pool_busy_seconds_total",
                                      "How long a pool's threads worked.", labels_of(measure))),
        waited_(measure.metrics.counter("kelp_async_pool_waited_seconds_total",
                                        "How long work waited for a thread of a pool.",
                                        labels_of(measure))),
        refused_(measure.metrics.counter("kelp_async_pool_refused_total",
                                         "Work that found the queue of a pool full.",
                                         labels_of(measure))),
        pool_(make_thread_pool(options)) {
    threads_.Increment(count_);
  }
  ~MeasuredPool() override { threads_.Decrement(count_); }

  bool try_post(Work work) override {
    auto timed = [this, posted = clock_.mono(), run = std::move(work)]() mutable {
      const MonoTime began = clock_.mono();
      waited_.Increment(std::chrono::duration<double>(began - posted).count());
      run();
      busy_.Increment(std::chrono::duration<double>(clock_.mono() - began).count());
    };
    const bool taken = pool_->try_post(std::move(timed));
    if (!taken) refused_.Increment();
    return taken;
  }

 private:
  const Clock& clock_;
  const double count_;
  prometheus::Gauge& threads_;
  prometheus::Counter& busy_;
  prometheus::Counter& waited_;
  prometheus::Counter& refused_;
  const std::unique_ptr<WorkPool> pool_;  ///< Dies first: its threads count to the end.
};

}  // namespace

std::unique_ptr<WorkPool> make_measured_pool(ThreadPoolOptions options,
                                             const PoolMeasure& measure) {
  return std::make_unique<MeasuredPool>(options, measure);
}

}  // namespace kelp
