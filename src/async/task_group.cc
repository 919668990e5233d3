#include "async/task_group.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>
#include <exception>
#include <utility>

#include "async/completion.h"
#include "base/assert.h"

namespace kelp {
namespace {

/// Cancellation reaches our code as kCancelled from what it waits for, never as an exception at the
/// next co_await.
Task<void> without_throwing(Task<void> task) {
  co_await asio::this_coro::throw_if_cancelled(false);
  co_await std::move(task);
}

/// A task that was cancelled before its first line ends so.
bool is_cancellation(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const boost::system::system_error& failure) {
    return failure.code() == asio::error::operation_aborted;
  } catch (...) {
    return false;
  }
}

}  // namespace

TaskGroup::TaskGroup(Executor executor) : executor_(std::move(executor)) {}

TaskGroup::~TaskGroup() {
  KELP_ASSERT(running_.empty(), "a TaskGroup died with tasks running; join it first");
}

void TaskGroup::spawn(Task<void> task) {
  const auto at = running_.emplace(running_.end());
  auto done = [this, at](std::exception_ptr error) {
    if (error && !is_cancellation(error)) std::rethrow_exception(error);  // terminates
    finished(at);
  };
  asio::co_spawn(executor_, without_throwing(std::move(task)),
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
