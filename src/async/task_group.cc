#include "async/task_group.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <exception>
#include <utility>

#include "async/completion.h"
#include "base/assert.h"

namespace kelp {

TaskGroup::TaskGroup(Executor executor) : executor_(std::move(executor)) {}

TaskGroup::~TaskGroup() {
  KELP_ASSERT(running_.empty(), "a TaskGroup died with tasks running; join it first");
}

void TaskGroup::spawn(Task<void> task) {
  const auto at = running_.emplace(running_.end());
  auto done = [this, at](std::exception_ptr error) {
    if (error) std::rethrow_exception(error);  // out of the io thread: terminates
    finished(at);
  };
  asio::co_spawn(executor_, std::move(task),
                 asio::bind_cancellation_slot(at->signal.slot(), std::move(done)));
}

void TaskGroup::cancel() {
  // A task that ends at once unlinks itself: step before emitting.
  for (auto it = running_.begin(); it != running_.end();) {
    const auto current = it++;
    current->signal.emit(asio::cancellation_type::terminal);
  }
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
