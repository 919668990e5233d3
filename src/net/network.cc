#include "net/network.h"

#include <fmt/format.h>
#include <netinet/tcp.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <charconv>
#include <vector>

#include "net/name_lookup.h"

namespace kelp {
namespace {

using Tcp = asio::ip::tcp;
using boost::system::error_code;

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);

Error network_error(const std::string& peer, const error_code& code) {
  if (code == asio::error::operation_aborted || code == asio::error::bad_descriptor) {
    return {Errc::kCancelled, fmt::format("{}: closed here", peer)};
  }
  return {Errc::kUnavailable, fmt::format("{}: {}", peer, code.message())};
}

Task<bool> is_cancelled() {
  const auto state = co_await asio::this_coro::cancellation_state;
  co_return state.cancelled() != asio::cancellation_type::none;
}

std::string text_of(const Tcp::socket& socket) {
  error_code code;
  const auto end = socket.remote_endpoint(code);
  if (code) return "unknown";
  const auto host = end.address().to_string();
  return fmt::format(fmt::runtime(end.address().is_v6() ? "[{}]:{}" : "{}:{}"), host, end.port());
}

class TcpStream final : public Stream {
 public:
  explicit TcpStream(Tcp::socket socket) : socket_(std::move(socket)), peer_(text_of(socket_)) {
    error_code ignored;
    socket_.set_option(Tcp::no_delay(true), ignored);
    socket_.non_blocking(true, ignored);
    // A peer that lost its power never says so: idle connections to it end after a minute.
    using KeepIdle = asio::detail::socket_option::integer<IPPROTO_TCP, TCP_KEEPIDLE>;
    using KeepInterval = asio::detail::socket_option::integer<IPPROTO_TCP, TCP_KEEPINTVL>;
    using KeepCount = asio::detail::socket_option::integer<IPPROTO_TCP, TCP_KEEPCNT>;
    socket_.set_option(asio::socket_base::keep_alive(true), ignored);
    socket_.set_option(KeepIdle(30), ignored);
    socket_.set_option(KeepInterval(10), ignored);
    socket_.set_option(KeepCount(3), ignored);
  }

  Task<Result<std::size_t>> read_some(MutableByteSpan buffer) override {
    if (buffer.empty()) co_return std::size_t{0};
    if (co_await is_cancelled()) co_return Error(Errc::kCancelled, peer_ + ": cancelled");
    const auto into = asio::buffer(buffer.data(), buffer.size());
    const auto [code, count] = co_await socket_.async_read_some(into, kTuple);
    if (code == asio::error::eof) co_return std::size_t{0};
    if (code) co_return network_error(peer_, code);
    co_return count;
  }

  Task<Result<void>> write(std::span<const ByteSpan> pieces) override {
    std::vector<asio::const_buffer> buffers;
    buffers.reserve(pieces.size());
    std::size_t total = 0;
    for (const auto piece : pieces) {
      if (piece.empty()) continue;
      buffers.emplace_back(piece.data(), piece.size());
      total += piece.size();
    }
    // Most writes fit the socket's buffer: then there is nothing to wait for.
    error_code code;
    const std::size_t sent = socket_.write_some(buffers, code);
    if (code && code != asio::error::would_block) co_return network_error(peer_, code);
    if (!code && sent == total) co_return Result<void>();
    drop_front(buffers, code ? 0 : sent);
    if (co_await is_cancelled()) co_return Error(Errc::kCancelled, peer_ + ": cancelled");
    const auto [failure, count] = co_await asio::async_write(socket_, buffers, kTuple);
    if (failure) co_return network_error(peer_, failure);
    co_return Result<void>();
  }

  void close() override {
    error_code ignored;
    socket_.shutdown(Tcp::socket::shutdown_both, ignored);
    socket_.close(ignored);
  }

  [[nodiscard]] const std::string& peer() const override { return peer_; }

 private:
  static void drop_front(std::vector<asio::const_buffer>& buffers, std::size_t bytes) {
    std::size_t whole = 0;
    while (whole < buffers.size() && bytes >= buffers[whole].size())
      bytes -= buffers[whole++].size();
    buffers.erase(buffers.begin(), buffers.begin() + static_cast<std::ptrdiff_t>(whole));
    if (!buffers.empty()) buffers.front() += bytes;
  }

  Tcp::socket socket_;
  std::string peer_;
};

class TcpListener final : public Listener {
 public:
  explicit TcpListener(Tcp::acceptor acceptor)
      : acceptor_(std::move(acceptor)), port_(acceptor_.local_endpoint().port()) {}

  Task<Result<std::unique_ptr<Stream>>> accept() override {
    return accept_for(acceptor_.get_executor());
  }
  Task<Result<std::unique_ptr<Stream>>> accept_for(Executor executor) override {
    while (true) {
      if (co_await is_cancelled()) co_return Error(Errc::kCancelled, "accept cancelled");
      auto [code, socket] = co_await acceptor_.async_accept(executor, kTuple);
      if (!code) {
        std::unique_ptr<Stream> stream = std::make_unique<TcpStream>(std::move(socket));
        co_return stream;
      }
      if (code == asio::error::operation_aborted || code == asio::error::bad_descriptor) {
        co_return Error(Errc::kCancelled, "listener closed");
      }
      if (code == asio::error::connection_aborted) continue;
      co_return Error(Errc::kResourceExhausted, "accept: " + code.message());
    }
  }
  [[nodiscard]] std::uint16_t port() const override { return port_; }
  void close() override {
    error_code ignored;
    acceptor_.close(ignored);
  }

 private:
  Tcp::acceptor acceptor_;
  std::uint16_t port_;
};

/// Cancels what is pending on `target` at `when`, unless it dies first.
template <typename Target>
class Alarm {
 public:
  Alarm(const Executor& executor, Target& target, MonoTime when)
      : timer_(executor), rang_(std::make_shared<bool>(false)) {
    timer_.expires_at(when);
    timer_.async_wait([rang = rang_, &target](const error_code& code) {
      // A timer that was cancelled in time has an error; one that fired too late has no owner.
      if (code || rang.use_count() == 1) return;
      *rang = true;
      target.cancel();
    });
  }
  [[nodiscard]] bool rang() const { return *rang_; }

 private:
  asio::steady_timer timer_;
  std::shared_ptr<bool> rang_;
};

class TcpNetwork final : public Network {
 public:
  Task<Result<std::unique_ptr<Stream>>> connect(std::string address, MonoTime deadline) override {
    KELP_CO_TRY(const HostPort where, parse_host_port(address));
    if (co_await is_cancelled()) co_return Error(Errc::kCancelled, address + ": cancelled");
    const Executor executor = co_await asio::this_coro::executor;
    KELP_CO_TRY(const auto ends, co_await resolve(where, deadline));
    Tcp::socket socket(executor);
    for (const auto& end : ends) {
      error_code ignored;
      socket.close(ignored);
      const Alarm<Tcp::socket> alarm(executor, socket, deadline);
      const auto [code] = co_await socket.async_connect(end, kTuple);
      if (!code) {
        std::unique_ptr<Stream> stream = std::make_unique<TcpStream>(std::move(socket));
        co_return stream;
      }
      if (alarm.rang()) co_return Error(Errc::kDeadlineExceeded, address + ": connect timed out");
      if (code == asio::error::operation_aborted || end == ends.back()) {
        co_return network_error(address, code);
      }
    }
    co_return Error(Errc::kUnavailable, address + ": no address");
  }

  Result<std::unique_ptr<Listener>> listen(Executor executor, std::string address) override {
    KELP_TRY(const HostPort where, parse_host_port(address));
    error_code code;
    const auto ip = asio::ip::make_address(where.host, code);
    if (code) return Error(Errc::kInvalidArgument, address + ": not an IP address");
    const Tcp::endpoint end(ip, where.port);
    Tcp::acceptor acceptor(executor);
    acceptor.open(end.protocol(), code);
    if (!code) acceptor.set_option(Tcp::acceptor::reuse_address(true), code);
    if (!code) acceptor.bind(end, code);
    if (!code) acceptor.listen(asio::socket_base::max_listen_connections, code);
    if (code) return Error(Errc::kUnavailable, fmt::format("{}: {}", address, code.message()));
    return std::make_unique<TcpListener>(std::move(acceptor));
  }

 private:
  using Endpoints = std::vector<Tcp::endpoint>;

  Task<Result<Endpoints>> resolve(HostPort where, MonoTime deadline) {
    error_code code;
    const auto ip = asio::ip::make_address(where.host, code);
    if (!code) co_return Endpoints{Tcp::endpoint(ip, where.port)};
    KELP_CO_TRY(const auto addresses, co_await names_.look_up(where.host, deadline));
    Endpoints ends;
    for (const auto& address : addresses) ends.emplace_back(address, where.port);
    co_return ends;
  }

  NameLookup names_{NameLookup::Options{}};
};

}  // namespace

std::unique_ptr<Network> make_tcp_network() {
  return std::make_unique<TcpNetwork>();
}

Result<HostPort> parse_host_port(std::string_view address) {
  const auto bad = [&] {
    return Error(Errc::kInvalidArgument, fmt::format("'{}' is not host:port", address));
  };
  const auto colon = address.rfind(':');
  if (colon == std::string_view::npos) return bad();
  HostPort result;
  const auto digits = address.substr(colon + 1);
  const auto [end, code] =
      std::from_chars(digits.data(), digits.data() + digits.size(), result.port);
  if (code != std::errc() || end != digits.data() + digits.size()) return bad();
  auto host = address.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return bad();
  }
  if (host.empty() || host.find_first_of("[] ") != std::string_view::npos) return bad();
  result.host = host;
  return result;
}

}  // namespace kelp
