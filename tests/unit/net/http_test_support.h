#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <charconv>
#include <memory>
#include <optional>
#include <semaphore>
#include <string>

#include "async/completion.h"
#include "net/http_server.h"

namespace kelp::test {

/// What a client saw of one answer.
struct Answer {
  int status = 0;  ///< 0: none came.
  std::string head;
  std::string body;
  [[nodiscard]] bool closes() const { return head.find("Connection: close") != std::string::npos; }
  [[nodiscard]] bool has(std::string_view line) const {
    return head.find(line) != std::string::npos;
  }
};

/// A blocking client that sends exactly what it is told. Reads give up after 20 seconds, so that a
/// hang is a failure.
class RawClient {
 public:
  explicit RawClient(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    const timeval limit{.tv_sec = 20, .tv_usec = 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
  }
  ~RawClient() { close(); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  [[nodiscard]] int fd() const { return fd_; }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  void finish_sending() { ::shutdown(fd_, SHUT_WR); }
  /// False when the peer has closed.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  /// One answer; with `body` false (HEAD, 100, 304) its head alone.
  Answer receive(bool body = true) {
    Answer answer;
    std::size_t end = 0;
    while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
      if (!fill()) return answer;
    }
    answer.head = buffer_.substr(0, end + 2);
    buffer_.erase(0, end + 4);
    std::from_chars(answer.head.data() + 9, answer.head.data() + 12, answer.status);
    if (!body) return answer;
    if (answer.has("Transfer-Encoding: chunked")) {
      receive_chunks(answer);
    } else if (const auto at = answer.head.find("Content-Length: "); at != std::string::npos) {
      const std::size_t size = std::stoul(answer.head.substr(at + 16));
      while (buffer_.size() < size && fill()) {
      }
      answer.body = buffer_.substr(0, size);
      buffer_.erase(0, size);
    } else if (answer.status != 204) {
      answer.body = receive_all();
    }
    return answer;
  }
  Answer ask(std::string_view request) {
    send(request);
    return receive();
  }
  /// Everything until the peer closes.
  std::string receive_all() {
    while (fill()) {
    }
    return std::exchange(buffer_, {});
  }
  /// True when the peer closes without another byte; a reset counts.
  bool sees_close() { return receive_all().empty() && !timed_out_; }
  [[nodiscard]] bool was_reset() const { return reset_; }

 private:
  bool fill() {
    char piece[65536];
    const ssize_t bytes = ::recv(fd_, piece, sizeof piece, 0);
    if (bytes < 0 && errno == EAGAIN) {
      timed_out_ = true;
      ADD_FAILURE() << "the server did not answer in time";
    }
    if (bytes < 0 && errno == ECONNRESET) reset_ = true;
    if (bytes > 0) buffer_.append(piece, static_cast<std::size_t>(bytes));
    return bytes > 0;
  }
  void receive_chunks(Answer& answer) {
    while (true) {
      std::size_t end = 0;
      while ((end = buffer_.find("\r\n")) == std::string::npos) {
        if (!fill()) return;
      }
      const std::size_t size = std::stoul(buffer_.substr(0, end), nullptr, 16);
      while (buffer_.size() < end + 2 + size + 2) {
        if (!fill()) return;
      }
      answer.body.append(buffer_, end + 2, size);
      EXPECT_EQ(buffer_.substr(end + 2 + size, 2), "\r\n");
      buffer_.erase(0, end + 2 + size + 2);
      if (size == 0) return;
    }
  }

  int fd_;
  std::string buffer_;
  bool timed_out_ = false;
  bool reset_ = false;
};

/// Behaves as the request's path says; the test watches what it saw.
class ScriptedHandler final : public HttpHandler {
 public:
  Task<void> handle(HttpExchange exchange) override {
    ++handled;
    const std::string path(exchange.request.target);
    HttpResponse ok(200);
    ok.add("X-Remote", exchange.request.remote_address);
    if (path == "/echo") {
      co_await echo(exchange);
    } else if (path == "/none") {
      co_return;
    } else if (path == "/start-only") {
      exchange.response.start(std::move(ok), 5);
    } else if (path == "/throw") {
      throw std::runtime_error("planned");
    } else if (path == "/deny") {
      HttpResponse denied(403);
      static_cast<void>(co_await exchange.response.send(std::move(denied), "no"));
    } else if (path == "/pieces" || path == "/unknown-length") {
      co_await pieces(exchange, path == "/pieces");
    } else if (path == "/short") {
      exchange.response.start(std::move(ok), 10);
      const std::string five = "12345";
      static_cast<void>(co_await exchange.response.write(as_bytes(five)));
      finish_failed = !(co_await exchange.response.finish()).has_value();
    } else if (path == "/long") {
      exchange.response.start(std::move(ok), 2);
      const std::string five = "12345";
      static_cast<void>(co_await exchange.response.write(as_bytes(five)));
    } else if (path == "/twice") {
      static_cast<void>(co_await exchange.response.send(HttpResponse(200), "a"));
      static_cast<void>(co_await exchange.response.send(HttpResponse(200), "b"));
    } else if (path == "/flood") {
      co_await flood(exchange);
    } else if (path == "/head") {
      static_cast<void>(co_await exchange.response.send_head(std::move(ok), 1234));
    } else if (path == "/304") {
      static_cast<void>(co_await exchange.response.send_head(HttpResponse(304), std::nullopt));
    } else if (path == "/204") {
      static_cast<void>(co_await exchange.response.send(HttpResponse(204), ""));
    } else if (path == "/close") {
      ok.close_after();
      static_cast<void>(co_await exchange.response.send(std::move(ok), "bye"));
    } else if (path == "/wait") {
      co_await wait_for_release(exchange);
    } else {
      static_cast<void>(co_await exchange.response.send(std::move(ok), path));
    }
  }

  std::pair<std::string, std::string> refusal(int status, const Error&) override {
    return {"text/plain", "refused " + std::to_string(status)};
  }

  /// Ends one "/wait".
  void release() { gate_.fetch_add(1); }

  std::atomic<int> handled = 0;
  std::atomic<int> body_errors = 0;
  std::atomic<int> last_reason = 0;
  std::atomic<int> last_code = 0;
  std::atomic<bool> finish_failed = false;
  std::atomic<bool> write_failed = false;
  std::binary_semaphore waiting{0};  ///< Released when a "/wait" has begun.

 private:
  Task<void> echo(HttpExchange exchange) {
    std::string all;
    std::string piece(100'000, '\0');
    while (true) {
      const MutableByteSpan buffer(reinterpret_cast<std::byte*>(piece.data()), piece.size());
      const auto bytes = co_await exchange.body.read_some(buffer);
      if (!bytes) {
        ++body_errors;
        last_reason = static_cast<int>(bytes.error().reason());
        last_code = static_cast<int>(bytes.error().code());
        const int status = bytes.error().reason() == Reason::kBodyTooSlow ? 408 : 400;
        static_cast<void>(co_await exchange.response.send(HttpResponse(status), "bad body"));
        co_return;
      }
      if (*bytes == 0) break;
      all.append(piece, 0, *bytes);
    }
    static_cast<void>(co_await exchange.response.send(HttpResponse(200), std::move(all)));
  }

  Task<void> pieces(HttpExchange exchange, bool known) {
    std::optional<std::uint64_t> length;
    if (known) length = 6;
    exchange.response.start(HttpResponse(200), length);
    for (const char* piece : {"ab", "", "cd", "ef"}) {
      static_cast<void>(co_await exchange.response.write(as_bytes(piece)));
    }
    static_cast<void>(co_await exchange.response.finish());
  }

  Task<void> flood(HttpExchange exchange) {
    const std::string piece(1 << 20, 'x');
    exchange.response.start(HttpResponse(200), std::uint64_t{64} << 20);
    for (int i = 0; i < 64; ++i) {
      const auto sent = co_await exchange.response.write(as_bytes(piece));
      if (!sent) {
        write_failed = true;
        last_code = static_cast<int>(sent.error().code());
        co_return;
      }
    }
    static_cast<void>(co_await exchange.response.finish());
  }

  Task<void> wait_for_release(HttpExchange exchange) {
    waiting.release();
    auto executor = co_await asio::this_coro::executor;
    while (gate_.load() == 0) {
      asio::steady_timer timer(executor, std::chrono::milliseconds(2));
      boost::system::error_code code;
      co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, code));
      if (code) co_return;  // cancelled: leaves without an answer
    }
    gate_.fetch_sub(1);
    static_cast<void>(co_await exchange.response.send(HttpResponse(200), "released"));
  }

  std::atomic<int> gate_ = 0;
};

/// A server on a free port with two io threads, drained at the end.
class HttpServerTest : public testing::Test {
 protected:
  ~HttpServerTest() override { stop(); }
  void start(HttpServerOptions options = {}) {
    auto server = serve_http(runtime, handler, metrics, std::move(options), "kelp_test_http");
    ASSERT_TRUE(server) << server.error().message();
    server_ = std::move(*server);
  }
  void stop() {
    if (server_) runtime.run(server_->drain(std::chrono::milliseconds(0)));
    server_.reset();
  }
  [[nodiscard]] std::uint16_t port() const { return server_->port(); }
  HttpServer& server() { return *server_; }
  /// Waits until `condition` holds; fails after 20 seconds.
  template <typename Condition>
  void eventually(Condition condition) {
    for (int i = 0; i < 20'000 && !condition(); ++i) ::usleep(1000);
    EXPECT_TRUE(condition());
  }

  Runtime runtime{2};
  ScriptedHandler handler;
  Metrics metrics;

 private:
  std::unique_ptr<HttpServer> server_;
};

inline std::string get(const std::string& path, const std::string& lines = "") {
  return "GET " + path + " HTTP/1.1\r\nHost: x\r\n" + lines + "\r\n";
}
inline std::string put(const std::string& path, const std::string& body,
                       const std::string& lines = "") {
  return "PUT " + path + " HTTP/1.1\r\nHost: x\r\n" + lines +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}
inline std::string put_chunked(const std::string& path, const std::string& framed) {
  return "PUT " + path + " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + framed;
}

}  // namespace kelp::test
