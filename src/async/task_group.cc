#include "async/task_group.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>
#include <exception>
#include <utility>

#include "async/completion.h"
#include "base/assert.h"

namespace kelp {

/// Called when a task ends. It names no executor of its own (bind_cancellation_slot would): Asio
/// then delivers cancel() at once, never as a job that could run after the task is gone.
template <typename Position>
struct TaskGroup::Finish {
  using cancellation_slot_type = asio::cancellation_slot;
  TaskGroup* group;
  Position task;
  cancellation_slot_type slot;

  [[nodiscard]] cancellation_slot_type get_cancellation_slot() const noexcept { return slot; }
  void operator()(const std::exception_ptr& error) const {
    if (error) std::rethrow_exception(error);  // terminates
    group->finished(task);
  }
};

TaskGroup::TaskGroup(Executor executor) : executor_(std::move(executor)) {}

TaskGroup::~TaskGroup() {
  KELP_ASSERT(running_.empty(), "a TaskGroup died with tasks running; join it first");
}

/// Cancellation reaches our code as kCancelled from what it waits for, never as an exception at the
/// next co_await.
Task<void> TaskGroup::begin(Running* running, Task<void> task) {
  co_await asio::this_coro::throw_if_cancelled(false);
  running->started = true;
  if (running->cancelled) co_return;
  co_await std::move(task);
}

std::uint64_t TaskGroup::spawn(Task<void> task) {
  const std::uint64_t id = next_id_++;
  const auto at = running_.emplace(running_.end());
  at->id = id;
  Finish<decltype(at)> done{.group = this, .task = at, .slot = at->signal.slot()};
  asio::co_spawn(executor_, begin(&*at, std::move(task)), std::move(done));
  return id;
}

void TaskGroup::cancel() {
  // A task that ends at once unlinks itself: step before emitting.
  for (auto it = running_.begin(); it != running_.end();) {
    const auto current = it++;
    cancel(*current);
  }
}

void TaskGroup::cancel(std::uint64_t id) {
  const auto task = std::ranges::find(running_, id, &Running::id);
  if (task != running_.end()) cancel(*task);
}

/// Asio's co_spawn throws when it is cancelled before it runs: such a task is only marked.
void TaskGroup::cancel(Running& running) {
  running.cancelled = true;
  if (running.started) running.signal.emit(asio::cancellation_type::terminal);
}

Task<void> TaskGroup::join() {
  while (!running_.empty()) {
    auto start = [this](std::function<void(bool)> done) { joiners_.push_back(std::move(done)); };
    co_await await_callback<bool>(std::move(start));
  }
}

void TaskGroup::finished(std::list<Running>::iterator task) {
  running_.erase(task);
  if (!running_.empty()) return;
  for (const auto& joiner : std::exchange(joiners_, {})) joiner(true);
}

}  // namespace kelp
