#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "async/timers.h"
#include "async/work_pool.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "filer/core/notify_rows.h"
#include "kv/kv_async.h"
#include "notify/target.h"

namespace kelp {

/// What a pump needs; all must outlive it.
struct NotifySeams {
  KvStore& store;
  WorkPool& pool;
  Clock& clock;
  Timers& timers;
  Metrics& metrics;
};

/// Who a pump is.
struct NotifyPumpOptions {
  std::string target;        ///< Its name.
  std::uint64_t holder = 0;  ///< As CollectorOptions::holder.
  std::chrono::nanoseconds interval = std::chrono::milliseconds(500);  ///< Between looks.
  std::chrono::nanoseconds first_pause = std::chrono::milliseconds(200);
  std::chrono::nanoseconds last_pause = std::chrono::seconds(30);  ///< While it is not taken.
  std::uint32_t page = 64;  ///< Events that are on their way at once.
};

/// Sends one target what buckets' notification configurations say, from their logs of events: every
/// event at least once, those of one key in their order. Where it stands in each bucket is kept in
/// the store and moves only when the target took what was before. So a target that is slow or away
/// delays nobody else, and what it missed comes later, as long as the log keeps it.
class NotifyPump {
 public:
  NotifyPump(NotifySeams seams, std::unique_ptr<notify::Target> target, NotifyPumpOptions options);

  /// Sends until cancelled; owned by the caller's TaskGroup. What fails is tried again, more and
  /// more seldom.
  Task<void> run();
  /// Calls under way end soon. From any thread; to be called before run() is cancelled.
  void stop() { target_->stop(); }

  /// What a look at all buckets came to.
  struct Round {
    bool more = false;    ///< There was more than was looked at.
    bool failed = false;  ///< The target, or the store, did not take part.
    bool sent = false;    ///< Something was taken.
  };
  /// One look at all buckets. Sends at most a page of each.
  Task<Round> round();

 private:
  /// How long something is left alone.
  struct Pause {
    int failures = 0;
    MonoTime until;
  };
  /// What became of a page.
  struct Sent {
    std::size_t events = 0;  ///< So many from its front are done with.
    Result<void> outcome;
  };
  Task<Result<bool>> is_our_turn();
  Task<Result<Round>> look();
  Task<Result<bool>> serve(NotifiedBucket in);
  Task<Result<void>> send_test(NotifyWork& work);
  Task<Sent> send_page(NotifyWork work);
  Task<Result<void>> move_cursor(NotifyWork& work, NotifyCursor to);
  Task<Result<std::string>> position_behind(NotifyWork work, std::size_t events);
  [[nodiscard]] std::chrono::nanoseconds fail(Pause& pause);
  void set_lag(BucketId bucket, const NotifyWork& work);
  void note_outcome(const Result<void>& outcome);

  const NotifySeams seams_;
  const std::unique_ptr<notify::Target> target_;
  const NotifyPumpOptions options_;
  KvAsync kv_;
  std::map<BucketId, Pause> refusing_;  ///< The target is there and takes none of these.
  std::map<BucketId, double> lags_;     ///< Seconds; of those that are behind.
  /// Behind where the target stands, of pages of which not all was: these were taken.
  std::map<BucketId, std::set<std::string>> taken_;
  MonoTime turn_taken_;
  bool has_turn_ = false;
  bool working_ = true;  ///< The last call was taken.
  prometheus::Counter& sent_;
  prometheus::Counter& failed_;
  prometheus::Counter& gaps_;
  prometheus::Gauge& lag_;
  std::unique_ptr<WorkPool> threads_;  ///< Dies first: its jobs use the target.
};

}  // namespace kelp
