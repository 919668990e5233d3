#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <optional>
#include <utility>

#include "async/awaitable.h"

namespace kelp::test {

/// Runs `task` on a fresh io_context until everything there is done and returns its value. Inside
/// use EXPECT_*, not ASSERT_*.
template <typename T>
T run_coro(Task<T> task) {
  asio::io_context context(1);
  std::optional<T> value;
  asio::co_spawn(context, std::move(task), [&](std::exception_ptr error, T result) {
    if (error) std::rethrow_exception(error);
    value.emplace(std::move(result));
  });
  context.run();
  return std::move(value).value();
}

inline void run_coro(Task<void> task) {
  asio::io_context context(1);
  asio::co_spawn(context, std::move(task), [](std::exception_ptr error) {
    if (error) std::rethrow_exception(error);
  });
  context.run();
}

}  // namespace kelp::test
