// The network seam over real TCP (src/net/network.h).
#include "net/network.h"

#include <gtest/gtest.h>

#include "async/task_group.h"
#include "async/timers.h"
#include "os/system_clock.h"
#include "tests/support/run_coro.h"

namespace kelp {
namespace {

using namespace std::chrono_literals;

MonoTime in(std::chrono::milliseconds span) {
  return SystemClock().mono() + span;
}

Task<Result<std::string>> receive(Stream& stream, std::size_t count) {
  std::string text(count, '\0');
  std::size_t have = 0;
  while (have < count) {
    const auto rest = std::as_writable_bytes(std::span(text)).subspan(have);
    KELP_CO_TRY(const std::size_t got, co_await stream.read_some(rest));
    if (got == 0) break;
    have += got;
  }
  text.resize(have);
  co_return text;
}

struct Pair {
  std::unique_ptr<Stream> client, server;
};

Task<void> accept_into(Listener& listener, std::unique_ptr<Stream>* stream) {
  auto accepted = co_await listener.accept();
  EXPECT_TRUE(accepted);
  if (accepted) *stream = *std::move(accepted);
}

Task<Pair> connected(Network& network) {
  const Executor executor = co_await asio::this_coro::executor;
  auto listener = network.listen(executor, "127.0.0.1:0");
  EXPECT_TRUE(listener);
  Pair pair;
  TaskGroup group(executor);
  group.spawn(accept_into(**listener, &pair.server));
  auto client =
      co_await network.connect("localhost:" + std::to_string((*listener)->port()), in(5s));
  EXPECT_TRUE(client);
  if (client) pair.client = *std::move(client);
  co_await group.join();
  co_return pair;
}

Task<void> send_then_close(Stream& stream, std::string text) {
  const std::string head = "head";
  const std::vector<ByteSpan> pieces = {as_bytes(head), {}, as_bytes(text)};
  EXPECT_TRUE(co_await stream.write(pieces));
  stream.close();
  stream.close();
}

Task<void> carries_bytes(Network& network) {
  Pair pair = co_await connected(network);
  TaskGroup group(co_await asio::this_coro::executor);
  std::string large(8 << 20, 'x');
  for (std::size_t i = 0; i < large.size(); i += 4096) large[i] = static_cast<char>(i >> 12);
  group.spawn(send_then_close(*pair.client, large));
  const auto got = co_await receive(*pair.server, large.size() + 100);
  EXPECT_TRUE(got && *got == "head" + large) << "until the end of the stream";
  co_await group.join();
  EXPECT_EQ((co_await receive(*pair.client, 1)).error().code(), Errc::kCancelled);
}

TEST(TcpNetwork, CarriesBytesInOrderToTheEnd) {
  const auto network = make_tcp_network();
  test::run_coro(carries_bytes(*network));
}

Task<void> read_until_cancelled(Stream& stream, Errc* code) {
  std::string buffer(10, '\0');
  const auto got = co_await stream.read_some(std::as_writable_bytes(std::span(buffer)));
  *code = got ? Errc{} : got.error().code();
}

Task<void> ends_a_wait(Network& network, bool by_close) {
  Pair pair = co_await connected(network);
  TaskGroup group(co_await asio::this_coro::executor);
  Errc code{};
  group.spawn(read_until_cancelled(*pair.client, &code));
  if (by_close) {
    pair.client->close();
  } else {
    group.cancel();
  }
  co_await group.join();
  EXPECT_EQ(code, Errc::kCancelled);
}

TEST(TcpNetwork, CloseAndCancellationEndAWait) {
  const auto network = make_tcp_network();
  test::run_coro(ends_a_wait(*network, true));
  test::run_coro(ends_a_wait(*network, false));
}

Task<void> refuses(Network& network) {
  const Executor executor = co_await asio::this_coro::executor;
  auto listener = network.listen(executor, "127.0.0.1:0");
  const std::string address = "127.0.0.1:" + std::to_string((*listener)->port());
  EXPECT_EQ(network.listen(executor, address).error().code(), Errc::kUnavailable);
  EXPECT_EQ(network.listen(executor, "localhost:0").error().code(), Errc::kInvalidArgument);
  EXPECT_EQ(network.listen(executor, "127.0.0.1").error().code(), Errc::kInvalidArgument);
  (*listener)->close();
  EXPECT_EQ((co_await network.connect(address, in(5s))).error().code(), Errc::kUnavailable);
  EXPECT_EQ((co_await (*listener)->accept()).error().code(), Errc::kCancelled);
  EXPECT_EQ((co_await network.connect("nonsense", in(5s))).error().code(), Errc::kInvalidArgument);
}

TEST(TcpNetwork, RefusesWithTheRightWords) {
  const auto network = make_tcp_network();
  test::run_coro(refuses(*network));
}

TEST(ParseHostPort, TakesHostsAndBracketedIpv6Only) {
  EXPECT_EQ(parse_host_port("node-1.local:9333")->host, "node-1.local");
  EXPECT_EQ(parse_host_port("[::1]:80")->host, "::1");
  EXPECT_EQ(parse_host_port("[::1]:80")->port, 80);
  for (const auto* bad : {"", ":", "a", "a:", ":1", "::1:80", "a:65536", "a:-1", "a:1x", "[::1:80",
                          "a b:1", "[]:1"}) {
    EXPECT_FALSE(parse_host_port(bad)) << bad;
  }
}

}  // namespace
}  // namespace kelp
