#include "tests/support/sim_network.h"

#include <gtest/gtest.h>

#include "async/task_group.h"

namespace kelp::test {
namespace {

using namespace std::chrono_literals;

Task<Result<void>> send(Stream& stream, std::string text) {
  const ByteSpan piece = as_bytes(text);
  co_return co_await stream.write(std::span(&piece, 1));
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

/// Sends back what comes, until the end.
Task<void> echo(std::unique_ptr<Listener> listener) {
  while (true) {
    auto stream = co_await listener->accept();
    if (!stream) co_return;
    while (true) {
      auto text = co_await receive(**stream, 1);
      if (!text || text->empty()) break;
      if (!co_await send(**stream, *text)) break;
    }
  }
}

class SimNetworkTest : public ::testing::Test {
 protected:
  Task<void> with_echo(Task<void> (SimNetworkTest::*body)()) {
    TaskGroup group(co_await asio::this_coro::executor);
    auto listener = net_.host("b").listen(world_.executor(), "b:7000");
    EXPECT_TRUE(listener);
    group.spawn(echo(*std::move(listener)));
    co_await (this->*body)();
    group.cancel();
    co_await group.join();
  }
  Task<Result<std::unique_ptr<Stream>>> dial(std::string address = "b:7000") {
    return net_.host("a").connect(std::move(address), world_.now() + 5s);
  }

 public:
  Task<void> echoes() {
    auto stream = co_await dial();
    EXPECT_TRUE(stream);
    if (!stream) co_return;
    EXPECT_TRUE(co_await send(**stream, "hello"));
    EXPECT_EQ((co_await receive(**stream, 5)).value(), "hello");
  }
  Task<void> refuses() {
    EXPECT_EQ((co_await dial("b:7001")).error().code(), Errc::kUnavailable);
    EXPECT_EQ((co_await dial("nobody:7000")).error().code(), Errc::kUnavailable);
    EXPECT_EQ((co_await dial("b")).error().code(), Errc::kInvalidArgument);
  }
  Task<void> holds_back_while_cut() {
    auto stream = co_await dial();
    net_.cut("b", "a");
    EXPECT_TRUE(co_await send(**stream, "x"));
    EXPECT_TRUE(co_await timers_.sleep_until(world_.now() + 10s));
    EXPECT_EQ((co_await dial()).error().code(), Errc::kDeadlineExceeded);
    net_.heal("b", "a");
    EXPECT_EQ((co_await receive(**stream, 1)).value(), "x");
  }
  Task<void> breaks_at_a_crash() {
    auto stream = co_await dial();
    EXPECT_TRUE(co_await send(**stream, "x"));
    net_.crash_host("b");
    EXPECT_EQ((co_await receive(**stream, 1)).error().code(), Errc::kUnavailable);
    EXPECT_EQ((co_await send(**stream, "y")).error().code(), Errc::kUnavailable);
    EXPECT_EQ((co_await dial()).error().code(), Errc::kUnavailable);
  }
  Task<void> ends_with_close() {
    auto listener = net_.host("c").listen(world_.executor(), "c:0");
    auto stream = co_await dial("c:" + std::to_string((*listener)->port()));
    auto other = co_await (*listener)->accept();
    EXPECT_TRUE(co_await send(**stream, "last words"));
    (*stream)->close();
    EXPECT_EQ((co_await receive(**other, 100)).value(), "last words");
    EXPECT_EQ((co_await receive(**stream, 1)).error().code(), Errc::kCancelled);
    EXPECT_EQ((co_await send(**other, "x")).error().code(), Errc::kUnavailable);
  }
  Task<void> writer_waits_at_the_window() {
    auto listener = net_.host("c").listen(world_.executor(), "c:0");
    auto stream = co_await dial("c:" + std::to_string((*listener)->port()));
    auto other = co_await (*listener)->accept();
    TaskGroup group(world_.executor());
    bool sent = false;
    group.spawn(send_all(**stream, &sent));
    EXPECT_TRUE(co_await timers_.sleep_until(world_.now() + 1s));
    EXPECT_FALSE(sent);
    EXPECT_EQ((co_await receive(**other, 3 << 20)).value().size(), 3U << 20);
    co_await group.join();
    EXPECT_TRUE(sent);
  }
  static Task<void> send_all(Stream& stream, bool* sent) {
    EXPECT_TRUE(co_await send(stream, std::string(3 << 20, 'x')));
    *sent = true;
  }

 protected:
  SimContext world_{7};
  SimTimers timers_{world_};
  SimNetwork net_{world_};
};

TEST_F(SimNetworkTest, CarriesBytesBothWays) {
  world_.run(with_echo(&SimNetworkTest::echoes));
}
TEST_F(SimNetworkTest, RefusesWhereNobodyListens) {
  world_.run(with_echo(&SimNetworkTest::refuses));
}
TEST_F(SimNetworkTest, ACutLinkHoldsBytesBackUntilItHeals) {
  world_.run(with_echo(&SimNetworkTest::holds_back_while_cut));
}
TEST_F(SimNetworkTest, ACrashBreaksConnectionsAndListeners) {
  world_.run(with_echo(&SimNetworkTest::breaks_at_a_crash));
}
TEST_F(SimNetworkTest, ClosingDeliversWhatWasSentThenTheEnd) {
  world_.run(with_echo(&SimNetworkTest::ends_with_close));
}
TEST_F(SimNetworkTest, AWriterWaitsForTheReader) {
  world_.run(with_echo(&SimNetworkTest::writer_waits_at_the_window));
}

}  // namespace
}  // namespace kelp::test
