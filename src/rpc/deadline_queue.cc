#include "rpc/deadline_queue.h"

namespace kelp {

void DeadlineQueue::add(MonoTime when, std::uint64_t id) {
  entries_.emplace(when, id);
  if (when >= armed_) return;
  if (watcher_ != 0) group_.cancel(watcher_);
  armed_ = when;
  watcher_ = group_.spawn(watch(when, ++serial_));
}

Task<void> DeadlineQueue::watch(MonoTime when, std::uint64_t serial) {
  while (true) {
    const auto slept = co_await timers_.sleep_until(when);
    if (serial != serial_) co_return;
    if (!slept) break;
    expire_due();
    if (serial != serial_) co_return;  // `expired` added an earlier one
    if (entries_.empty()) break;
    when = armed_ = entries_.begin()->first;
  }
  armed_ = MonoTime::max();
  watcher_ = 0;
}

void DeadlineQueue::expire_due() {
  const MonoTime now = clock_.mono();
  while (!entries_.empty() && entries_.begin()->first <= now) {
    const std::uint64_t id = entries_.begin()->second;
    entries_.erase(entries_.begin());
    expired_(id);
  }
}

}  // namespace kelp
