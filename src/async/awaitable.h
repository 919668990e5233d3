#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "kelp/result.h"

namespace kelp {

namespace asio = boost::asio;

/// Where a coroutine runs: one io thread, or the simulation.
using Executor = asio::any_io_executor;

/// What every waiting function returns. Start it with co_await, TaskGroup::spawn or run_coro() in a
/// test.
template <typename T>
using Task = asio::awaitable<T>;

}  // namespace kelp
