#include "net/http_server.h"

#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <mutex>
#include <utility>

#include "base/assert.h"
#include "base/log.h"
#include "net/http_worker.h"
#include "os/system_clock.h"

namespace kelp {
namespace {

constexpr int kBacklog = 4096;
/// Wait after a failed accept: out of file descriptors, most often.
constexpr std::chrono::milliseconds kAcceptPause{100};

using Acceptor = asio::basic_socket_acceptor<asio::ip::tcp, asio::io_context::executor_type>;

asio::io_context& context_of(const Executor& executor) {
  const auto* io = executor.target<asio::io_context::executor_type>();
  KELP_ASSERT(io != nullptr, "an HTTP server runs on the threads of a Runtime");
  return io->context();
}

/// A connection over the limit: it never gets a thread. The answer is small enough to fit into an
/// empty socket; a TLS peer only sees the close.
void turn_away(TcpSocket socket, bool secure) {
  static constexpr std::string_view kAnswer =
      "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 1\r\n"
      "Connection: close\r\n\r\n";
  boost::system::error_code ignored;
  socket.non_blocking(true, ignored);
  if (!secure) socket.send(asio::buffer(kAnswer), 0, ignored);
  socket.shutdown(TcpSocket::shutdown_send, ignored);
  // What the peer has already sent would make the close a reset, which may outrun the answer.
  std::byte dropped[4096];
  socket.receive(asio::buffer(dropped), 0, ignored);
}

class ListeningServer final : public HttpServer {
 public:
  ListeningServer(Runtime& runtime, HttpHandler& handler, Metrics& metrics,
                  HttpServerOptions options, const std::string& metrics_name);
  ~ListeningServer() override;

  Result<void> open();
  void start();

  [[nodiscard]] std::uint16_t port() const override { return port_; }
  void retire() override;
  Task<void> drain(std::chrono::milliseconds grace) override;
  Result<void> reload_tls() override;

 private:
  Task<void> accept_forever();
  Task<void> stop_accepting();
  void hand_over(HttpWorker& worker, TcpSocket socket);
  [[nodiscard]] bool secure() const {
    return !options_.tls.certificate.empty() || !options_.tls.dir.empty();
  }
  TlsContext tls_now();
  void note_expiry(const TlsContext& context);

  const HttpServerOptions options_;
  HttpProbe probe_;
  Executor accept_executor_;
  Acceptor acceptor_;
  std::uint16_t port_ = 0;
  std::vector<std::unique_ptr<HttpWorker>> workers_;
  TaskGroup accepting_;
  bool stopping_ = false;                ///< Thread 0's.
  prometheus::Gauge* expiry_ = nullptr;  ///< Of the certificates; null without TLS.
  std::mutex tls_mutex_;
  TlsContext tls_;
};

ListeningServer::ListeningServer(Runtime& runtime, HttpHandler& handler, Metrics& metrics,
                                 HttpServerOptions options, const std::string& metrics_name)
    : options_(std::move(options)),
      probe_(metrics, metrics_name),
      accept_executor_(runtime.executor(0)),
      acceptor_(context_of(accept_executor_)),
      accepting_(accept_executor_) {
  for (std::size_t i = 0; i < runtime.size(); ++i) {
    workers_.push_back(
        std::make_unique<HttpWorker>(runtime.executor(i), options_, handler, probe_));
  }
  if (secure()) {
    expiry_ = &metrics.gauge(metrics_name + "_certificate_expiry_timestamp_seconds",
                             "When the first certificate in use ends, in seconds since 1970");
  }
}

ListeningServer::~ListeningServer() = default;

Result<void> ListeningServer::open() {
  if (secure()) {
    KELP_TRY(tls_, load_tls_names(options_.tls));
    note_expiry(tls_);
  }
  boost::system::error_code code;
  const auto address = asio::ip::make_address(options_.address, code);
  if (code) {
    return Error(Errc::kInvalidArgument,
                 fmt::format("'{}' is not an IP address", options_.address));
  }
  const asio::ip::tcp::endpoint endpoint(address, options_.port);
  acceptor_.open(endpoint.protocol(), code);
  if (!code) acceptor_.set_option(Acceptor::reuse_address(true), code);
  if (!code && address.is_v6()) acceptor_.set_option(asio::ip::v6_only(false), code);
  if (!code) acceptor_.bind(endpoint, code);
  if (!code) acceptor_.listen(kBacklog, code);
  if (code) {
    return Error(Errc::kUnavailable, fmt::format("cannot listen on {} port {}: {}",
                                                 options_.address, options_.port, code.message()));
  }
  port_ = acceptor_.local_endpoint(code).port();
  return {};
}

void ListeningServer::start() {
  for (const auto& worker : workers_) {
    asio::post(worker->executor(), [raw = worker.get()] { raw->start(); });
  }
  asio::post(accept_executor_, [this] { accepting_.spawn(accept_forever()); });
}

Task<void> ListeningServer::accept_forever() {
  co_await asio::this_coro::throw_if_cancelled(false);
  asio::steady_timer pause(accept_executor_);
  for (std::size_t next = 0; !stopping_; ++next) {
    HttpWorker& worker = *workers_[next % workers_.size()];
    TcpSocket socket(context_of(worker.executor()));
    boost::system::error_code code;
    co_await acceptor_.async_accept(socket, asio::redirect_error(asio::use_awaitable, code));
    if (stopping_) break;
    if (!code) {
      hand_over(worker, std::move(socket));
      continue;
    }
    logger("net").warn("accept_failed port={} why={}", port_, log_value(code.message()));
    pause.expires_after(kAcceptPause);
    co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, code));
  }
}

void ListeningServer::hand_over(HttpWorker& worker, TcpSocket socket) {
  if (probe_.open_connections.load(std::memory_order_relaxed) >= options_.connection_limit) {
    probe_.refused_connections.Increment();
    turn_away(std::move(socket), secure());
    return;
  }
  probe_.open_connections.fetch_add(1, std::memory_order_relaxed);
  probe_.connections.Increment();
  asio::post(worker.executor(), [&worker, tls = tls_now(), s = std::move(socket)]() mutable {
    worker.adopt(std::move(s), std::move(tls));
  });
}

Task<void> ListeningServer::stop_accepting() {
  stopping_ = true;
  boost::system::error_code ignored;
  acceptor_.close(ignored);
  accepting_.cancel();
  co_await accepting_.join();
}

void ListeningServer::retire() {
  for (const auto& worker : workers_) {
    asio::post(worker->executor(), [raw = worker.get()] { raw->retire(); });
  }
}

Task<void> ListeningServer::drain(std::chrono::milliseconds grace) {
  const MonoTime give_up = SystemClock().mono() + grace;
  co_await asio::co_spawn(accept_executor_, stop_accepting(), asio::use_awaitable);
  for (const auto& worker : workers_) {
    asio::post(worker->executor(), [raw = worker.get()] { raw->begin_drain(); });
  }
  for (const auto& worker : workers_) {
    co_await asio::co_spawn(worker->executor(), worker->drain(give_up), asio::use_awaitable);
  }
}

Result<void> ListeningServer::reload_tls() {
  if (!secure()) return {};
  KELP_TRY(TlsContext fresh, load_tls_names(options_.tls));
  const std::lock_guard lock(tls_mutex_);
  tls_ = std::move(fresh);
  note_expiry(tls_);
  return {};
}

void ListeningServer::note_expiry(const TlsContext& context) {
  expiry_->Set(static_cast<double>(earliest_expiry(context)));
}

TlsContext ListeningServer::tls_now() {
  const std::lock_guard lock(tls_mutex_);
  return tls_;
}

}  // namespace

Result<std::unique_ptr<HttpServer>> serve_http(Runtime& runtime, HttpHandler& handler,
                                               Metrics& metrics, HttpServerOptions options,
                                               std::string metrics_name) {
  auto server = std::make_unique<ListeningServer>(runtime, handler, metrics, std::move(options),
                                                  metrics_name);
  KELP_CHECK(server->open());
  server->start();
  return std::unique_ptr<HttpServer>(std::move(server));
}

}  // namespace kelp
