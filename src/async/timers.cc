#include "async/timers.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace kelp {
namespace {

class AsioTimers final : public Timers {
 public:
  Task<Result<void>> sleep_until(MonoTime when) override {
    // Asio tells an operation of a cancellation once; who was told before must not wait again.
    const auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none) {
      co_return Error(Errc::kCancelled, "sleep cancelled");
    }
    asio::steady_timer timer(co_await asio::this_coro::executor);
    timer.expires_at(when);
    const auto [code] = co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    if (code) co_return Error(Errc::kCancelled, "sleep cancelled");
    co_return Result<void>();
  }
};

}  // namespace

std::unique_ptr<Timers> make_asio_timers() {
  return std::make_unique<AsioTimers>();
}

}  // namespace kelp
