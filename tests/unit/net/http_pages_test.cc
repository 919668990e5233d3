// Answers whose bodies are pages of a file.

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <csignal>

#include "tests/unit/net/http_test_support.h"

namespace kelp::test {
namespace {

constexpr std::size_t kPiece = PinnedPages::kUsualBytes;

/// Sends "/PIECES": so many pieces of a file; "/unannounced" without saying how many.
class PagesHandler final : public HttpHandler {
 public:
  explicit PagesHandler(int file) : file_(file) {}

  Task<void> handle(HttpExchange exchange) override {
    EXPECT_TRUE(exchange.response.takes_pages());
    const std::string_view path = exchange.request.target;
    if (path == "/small") {
      static_cast<void>(co_await exchange.response.send(HttpResponse(200), "small"));
      co_return;
    }
    std::optional<std::uint64_t> length;
    const std::uint64_t pieces =
        path == "/unannounced" ? 1 : std::stoul(std::string(path.substr(1)));
    if (path != "/unannounced") length = pieces * kPiece;
    exchange.response.start(HttpResponse(200), length);
    for (std::uint64_t i = 0; i < pieces; ++i) {
      PinnedPages pages = pipes_->pin(file_, 0, kPiece);
      const auto written = co_await exchange.response.write_pages(std::move(pages));
      if (!written.has_value()) {
        code = static_cast<int>(written.error().code());
        co_return;
      }
    }
    static_cast<void>(co_await exchange.response.finish());
  }
  std::pair<std::string, std::string> refusal(int, const Error&) override {
    return {"text/plain", "refused"};
  }

  std::atomic<int> code = -1;

 private:
  const int file_;
  const std::shared_ptr<PipePool> pipes_ = std::make_shared<PipePool>(8);
};

class HttpPages : public ::testing::Test {
 protected:
  HttpPages() {
    std::signal(SIGPIPE, SIG_IGN);
    for (std::size_t i = 0; i < kPiece; ++i) piece_[i] = static_cast<char>('a' + i * 31 % 57);
    EXPECT_EQ(::write(file_, piece_.data(), piece_.size()), static_cast<ssize_t>(piece_.size()));
  }
  ~HttpPages() override {
    if (server_) runtime_.run(server_->drain(std::chrono::milliseconds(0)));
    server_.reset();
    ::close(file_);
  }
  void start(HttpServerOptions options = {}) {
    auto server = serve_http(runtime_, handler_, metrics_, std::move(options), "kelp_test_http");
    ASSERT_TRUE(server) << server.error().message();
    server_ = std::move(*server);
  }
  void expect_code(Errc code) {
    for (int i = 0; i < 20'000 && handler_.code < 0; ++i) ::usleep(1000);
    EXPECT_EQ(handler_.code, static_cast<int>(code));
  }

  const int file_ = ::memfd_create("pages", MFD_CLOEXEC);
  std::string piece_ = std::string(kPiece, '?');
  Runtime runtime_{1};
  PagesHandler handler_{file_};
  Metrics metrics_;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpPages, ArriveWholeAfterTheHeadOnAConnectionThatGoesOn) {
  start();
  RawClient client(server_->port());
  for (int pieces : {1, 9, 2}) {
    const Answer answer = client.ask(get("/" + std::to_string(pieces)));
    EXPECT_EQ(answer.status, 200);
    std::string expected;
    for (int i = 0; i < pieces; ++i) expected += piece_;
    EXPECT_TRUE(answer.body == expected) << pieces;
  }
}

TEST_F(HttpPages, APeerThatReadsNothingKeepsNobodyWaiting) {
  start();
  RawClient slow(server_->port());
  slow.send(get("/64"));
  RawClient other(server_->port());  // on the same io thread
  for (int i = 0; i < 20; ++i) EXPECT_EQ(other.ask(get("/small")).body, "small");
  const Answer answer = slow.receive();
  EXPECT_EQ(answer.body.size(), 64 * kPiece);
  EXPECT_TRUE(answer.body.ends_with(piece_));
}

TEST_F(HttpPages, APeerThatNeverReadsIsGivenUp) {
  start({.progress_timeout = std::chrono::milliseconds(50)});
  RawClient client(server_->port());
  client.send(get("/200"));
  expect_code(Errc::kDeadlineExceeded);
}

TEST_F(HttpPages, APeerThatGoesAwayIsNoticed) {
  start();
  {
    RawClient client(server_->port());
    client.send(get("/200"));
    char some[1000];
    EXPECT_GT(::recv(client.fd(), some, sizeof some, 0), 0);
  }
  expect_code(Errc::kUnavailable);
  RawClient other(server_->port());
  EXPECT_TRUE(other.ask(get("/1")).body == piece_);
}

TEST_F(HttpPages, NeedAnAnnouncedLength) {
  start();
  RawClient client(server_->port());
  client.send(get("/unannounced"));
  expect_code(Errc::kInternal);
}

}  // namespace
}  // namespace kelp::test
