#pragma once

#include <boost/asio/this_coro.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "async/task_group.h"

namespace kelp {

/// Runs `tasks` beside each other on the caller's executor and waits for all; their values in the
/// same order.
template <typename T>
Task<std::vector<T>> all(std::vector<Task<T>> tasks) {
  std::vector<std::optional<T>> values(tasks.size());
  auto store = [](Task<T> task, std::optional<T>* value) -> Task<void> {
    value->emplace(co_await std::move(task));
  };
  TaskGroup group(co_await asio::this_coro::executor);
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    group.spawn(store(std::move(tasks[i]), &values[i]));
  }
  co_await group.join();
  std::vector<T> out;
  out.reserve(values.size());
  for (auto& value : values) out.push_back(*std::move(value));
  co_return out;
}

}  // namespace kelp
