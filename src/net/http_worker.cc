#include "net/http_worker.h"

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "net/http_connection.h"
#include "os/system_clock.h"

namespace kelp {
namespace {

constexpr std::size_t kScratchBytes = 64 * 1024;
/// Between attempts to cancel what is still busy after the grace of a drain.
constexpr std::chrono::milliseconds kCancelInterval{20};
constexpr std::chrono::milliseconds kLongestTick{250};
constexpr std::chrono::milliseconds kShortestTick{5};

/// Deadlines are kept to a quarter of the shortest of them.
std::chrono::milliseconds tick_for(const HttpServerOptions& limits) {
  const auto shortest =
      std::min({limits.head_timeout, limits.idle_timeout, limits.progress_timeout});
  return std::clamp(shortest / 4, kShortestTick, kLongestTick);
}

std::string address_of(const TcpSocket& socket) {
  boost::system::error_code code;
  auto address = socket.remote_endpoint(code).address();
  if (code) return "unknown";
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
  }
  return address.to_string();
}

}  // namespace

HttpWorker::HttpWorker(Executor executor, const HttpServerOptions& limits, HttpHandler& handler,
                       HttpProbe& probe)
    : executor_(std::move(executor)),
      limits_(limits),
      handler_(handler),
      probe_(probe),
      tick_(tick_for(limits)),
      scratch_(kScratchBytes),
      drain_timer_(executor_),
      ticker_(executor_),
      serving_(executor_) {
  refresh_clock();
}

HttpWorker::~HttpWorker() = default;

void HttpWorker::start() {
  ticker_.spawn(tick_forever());
}

void HttpWorker::adopt(TcpSocket socket, TlsContext tls) {
  serving_.spawn(serve(std::move(socket), std::move(tls)));
}

void HttpWorker::begin_drain() {
  draining_ = true;
  // A connection that ends changes the list only later, in its own turn.
  for (HttpConnection* connection : connections_) connection->close_if_idle();
}

Task<void> HttpWorker::drain(MonoTime give_up) {
  begin_drain();
  co_await wait_for_connections(give_up);
  // Again and again: a wait that ends by itself as it is cancelled leaves its coroutine
  // uncancelled.
  while (!connections_.empty()) {
    for (HttpConnection* connection : connections_) connection->abort();
    serving_.cancel();
    co_await wait_for_connections(SystemClock().mono() + kCancelInterval);
  }
  co_await serving_.join();
  stopped_ = true;
  ticker_.cancel();
  co_await ticker_.join();
}

/// Returns when none is left, or at `until`.
Task<void> HttpWorker::wait_for_connections(MonoTime until) {
  if (connections_.empty()) co_return;
  boost::system::error_code ignored;
  drain_timer_.expires_at(until);
  co_await drain_timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

Task<void> HttpWorker::tick_forever() {
  co_await asio::this_coro::throw_if_cancelled(false);
  asio::steady_timer timer(executor_);
  boost::system::error_code code;
  while (!stopped_) {
    timer.expires_after(tick_);
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, code));
    refresh_clock();
    for (HttpConnection* connection : connections_) connection->tick(now_);
  }
}

Task<void> HttpWorker::serve(TcpSocket socket, TlsContext tls) {
  // Cancellation shows in results: handlers are not written for exceptions.
  co_await asio::this_coro::throw_if_cancelled(false);
  auto session = tls ? TlsSession::create(tls) : nullptr;
  if (!tls || session) {
    boost::system::error_code ignored;
    socket.set_option(asio::ip::tcp::no_delay(true), ignored);
    auto address = address_of(socket);
    HttpConnection connection(*this, std::move(socket), std::move(session), std::move(address));
    connection.index = connections_.size();
    connections_.push_back(&connection);
    co_await connection.run();
    connections_.back()->index = connection.index;
    std::swap(connections_[connection.index], connections_.back());
    connections_.pop_back();
  }
  probe_.connections.Decrement();
  probe_.open_connections.fetch_sub(1, std::memory_order_relaxed);
  if (draining_ && connections_.empty()) drain_timer_.cancel();
}

void HttpWorker::refresh_clock() {
  const SystemClock clock;
  now_ = clock.mono();
  const WallTime wall = clock.wall();
  const auto second = std::chrono::floor<std::chrono::seconds>(wall).time_since_epoch().count();
  if (second == date_second_) return;
  date_second_ = second;
  date_line_ = kelp::date_line(wall);
}

}  // namespace kelp
