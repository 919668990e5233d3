#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "s3gw/core/trace_line.h"

namespace kelp::s3 {

/// Shows requests to whoever watches, as they end. Costs nothing while nobody does. What waits for
/// a watcher is bounded; past it lines are dropped and counted. Thread-safe.
class RequestTrace final : public RequestSink {
 public:
  static constexpr std::size_t kMaxWatchers = 8;
  static constexpr std::size_t kMaxWaitingBytes = 4 << 20;

  /// Somebody who watches, until it dies. Thread-safe; it may outlive the trace's close().
  class Watcher {
   public:
    explicit Watcher(TraceFilter filter) : filter_(std::move(filter)) {}
    /// The lines that came since the last call; a line {"dropped":N} says how many did not fit.
    [[nodiscard]] std::string take();

   private:
    friend class RequestTrace;
    void add(const std::string& line);

    const TraceFilter filter_;
    std::mutex mutex_;
    std::string waiting_;
    std::uint64_t dropped_ = 0;
  };

  /// kResourceExhausted: kMaxWatchers are there already; kCancelled: the gateway stops.
  [[nodiscard]] Result<std::shared_ptr<Watcher>> watch(TraceFilter filter);
  [[nodiscard]] bool watched() const { return watched_.load(std::memory_order_relaxed); }

  /// A request whose head nobody kept.
  void take(const RequestRecord& record) override { take(record, {}); }
  void take(const RequestRecord& record, const TracedHead& head);

  /// Whoever watches is to end: there will be no more.
  void close() { closed_ = true; }
  [[nodiscard]] bool closed() const { return closed_; }

 private:
  /// Those who still watch, under the lock.
  std::vector<std::shared_ptr<Watcher>> present();

  std::atomic<bool> watched_ = false;
  std::atomic<bool> closed_ = false;
  std::mutex mutex_;
  std::vector<std::weak_ptr<Watcher>> watchers_;
};

}  // namespace kelp::s3
