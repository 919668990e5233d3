#include "async/event.h"

#include <algorithm>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <functional>
#include <utility>

namespace kelp {

/// `complete` is empty once it was called.
struct Event::Waiter {
  std::move_only_function<void(bool woken)> complete;
  void finish(bool woken) {
    if (auto call = std::exchange(complete, nullptr)) call(woken);
  }
};

Event::Event() = default;
Event::~Event() = default;

Task<Result<void>> Event::wait() {
  const auto state = co_await asio::this_coro::cancellation_state;
  if (state.cancelled() != asio::cancellation_type::none) {
    co_return Error(Errc::kCancelled, "wait cancelled");
  }
  std::erase_if(waiters_, [](const auto& waiter) { return !waiter->complete; });
  auto waiter = std::make_shared<Waiter>();
  waiters_.push_back(waiter);
  auto initiate = [](auto handler, std::shared_ptr<Waiter> w) {
    auto slot = asio::get_associated_cancellation_slot(handler);
    auto executor = asio::prefer(asio::get_associated_executor(handler),
                                 asio::execution::outstanding_work.tracked);
    w->complete = [h = std::move(handler), ex = std::move(executor)](bool woken) mutable {
      auto resume = [h2 = std::move(h), woken]() mutable { std::move(h2)(woken); };
      asio::post(ex, std::move(resume));
    };
    if (slot.is_connected()) {
      slot.assign([w](asio::cancellation_type) {
        // A copy: finishing may replace this very handler.
        const auto keep = w;  // NOLINT(performance-unnecessary-copy-initialization)
        keep->finish(false);
      });
    }
  };
  auto token = asio::use_awaitable;
  const bool woken = co_await asio::async_initiate<decltype(token), void(bool)>(
      std::move(initiate), token, std::move(waiter));
  if (!woken) co_return Error(Errc::kCancelled, "wait cancelled");
  co_return Result<void>();
}

void Event::notify_all() {
  for (const auto& waiter : std::exchange(waiters_, {})) waiter->finish(true);
}

bool Event::idle() const {
  return std::ranges::none_of(waiters_, [](const auto& w) { return bool(w->complete); });
}

}  // namespace kelp
