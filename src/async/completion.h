#pragma once

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <functional>
#include <utility>

#include "async/awaitable.h"

namespace kelp {

/// Waits for a callback: calls `start(done)` at once and returns what is later given to
/// `done(value)`.
///
/// `done` must be called exactly once, on any thread, also from within `start`; the coroutine goes
/// on on its own executor. It cannot be cancelled: whoever holds `done` always calls it.
template <typename T, typename Start>
Task<T> await_callback(Start start) {
  auto initiate = [](auto handler, Start begin) {
    auto shared = std::make_shared<decltype(handler)>(std::move(handler));
    auto work = asio::prefer(asio::get_associated_executor(*shared),
                             asio::execution::outstanding_work.tracked);
    begin(std::function<void(T)>([shared, work](T value) {
      asio::post(work,
                 [shared, v = std::move(value)]() mutable { std::move (*shared)(std::move(v)); });
    }));
  };
  auto token = asio::use_awaitable;
  co_return co_await asio::async_initiate<decltype(token), void(T)>(std::move(initiate), token,
                                                                    std::move(start));
}

}  // namespace kelp
