#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <utility>

#include "async/task_group.h"
#include "async/timers.h"
#include "base/clock.h"

namespace kelp {

/// Deadlines of many calls with one timer. One executor. The group must be cancelled and joined
/// before this dies.
class DeadlineQueue {
 public:
  using Expired = std::function<void(std::uint64_t id)>;
  /// What it is given must outlive it. `expired` is called once for each id that is not removed in
  /// time; it may add and remove.
  DeadlineQueue(TaskGroup& group, const Clock& clock, Timers& timers, Expired expired)
      : group_(group), clock_(clock), timers_(timers), expired_(std::move(expired)) {}

  void add(MonoTime when, std::uint64_t id);
  void remove(MonoTime when, std::uint64_t id) { entries_.erase({when, id}); }

 private:
  Task<void> watch(MonoTime when, std::uint64_t serial);
  void expire_due();

  TaskGroup& group_;
  const Clock& clock_;
  Timers& timers_;
  Expired expired_;
  std::set<std::pair<MonoTime, std::uint64_t>> entries_;
  MonoTime armed_ = MonoTime::max();  ///< When the watcher wakes.
  std::uint64_t serial_ = 0;          ///< Of the watcher that counts; older ones only end.
  std::uint64_t watcher_ = 0;         ///< Its number in the group, 0 for none.
};

}  // namespace kelp
