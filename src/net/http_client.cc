#include "net/http_client.h"

#include <fmt/format.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <charconv>
#include <memory>

namespace kelp {
namespace {

constexpr std::size_t kAnswerLimit = 1 << 20;
using Code = boost::system::error_code;

/// A socket that its timer closes; shared, because the timer may fire while we are leaving.
struct Probe {
  explicit Probe(const Executor& executor) : socket(executor) {}
  asio::ip::tcp::socket socket;
  bool late = false;
};

Result<HttpClientResponse> parse_answer(const std::string& bytes) {
  const std::size_t head_end = bytes.find("\r\n\r\n");
  int status = 0;
  if (head_end == std::string::npos || !bytes.starts_with("HTTP/1.") ||
      std::from_chars(bytes.data() + 9, bytes.data() + 12, status).ec != std::errc()) {
    return Error(Errc::kCorruption, fmt::format("{} bytes that are not HTTP", bytes.size()));
  }
  return HttpClientResponse{status, bytes.substr(0, head_end), bytes.substr(head_end + 4)};
}

Error failure_of(const Probe& probe, const Code& code) {
  if (probe.late) return {Errc::kDeadlineExceeded, "no answer in time"};
  return {Errc::kUnavailable, code.message()};
}

/// HTTP/1.0, so that the answer ends with the connection and is never chunked.
Task<Result<HttpClientResponse>> exchange(std::shared_ptr<Probe> probe,
                                          asio::ip::tcp::endpoint endpoint, std::string target) {
  Code code;
  auto token = asio::redirect_error(asio::use_awaitable, code);
  co_await probe->socket.async_connect(endpoint, token);
  if (code) co_return failure_of(*probe, code);
  const std::string request =
      fmt::format("GET {} HTTP/1.0\r\nHost: {}\r\n\r\n", target, endpoint.address().to_string());
  co_await asio::async_write(probe->socket, asio::buffer(request), token);
  std::string answer;
  char piece[4096];
  while (!code && answer.size() < kAnswerLimit) {
    const std::size_t bytes = co_await probe->socket.async_receive(asio::buffer(piece), token);
    answer.append(piece, bytes);
  }
  if (code != asio::error::eof) co_return failure_of(*probe, code);
  co_return parse_answer(answer);
}

}  // namespace

Task<Result<HttpClientResponse>> http_get(std::string address, std::uint16_t port,
                                          std::string target, std::chrono::milliseconds timeout) {
  const Executor executor = co_await asio::this_coro::executor;
  Code code;
  const auto ip = asio::ip::make_address(address, code);
  if (code) co_return Error(Errc::kInvalidArgument, fmt::format("'{}' is no address", address));
  auto probe = std::make_shared<Probe>(executor);
  asio::steady_timer timer(executor, timeout);
  timer.async_wait([probe](const Code& stopped) {
    if (stopped) return;
    Code ignored;
    probe->late = true;
    probe->socket.close(ignored);
  });
  const asio::ip::tcp::endpoint endpoint(ip, port);
  auto answer = co_await exchange(probe, endpoint, std::move(target));
  timer.cancel();
  co_return answer;
}

}  // namespace kelp
