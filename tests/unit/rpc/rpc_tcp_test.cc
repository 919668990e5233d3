// RpcClient and RpcServer over real TCP; what can go wrong is tested in tests/sim/rpc_test.cc.
#include <gtest/gtest.h>

#include "async/task_group.h"
#include "crypto/random.h"
#include "net/tls_network.h"
#include "os/system_clock.h"
#include "rpc/rpc_client.h"
#include "rpc/rpc_server.h"
#include "tests/support/members.h"
#include "tests/support/run_coro.h"

namespace kelp {
namespace {

using namespace std::chrono_literals;

Task<Result<RpcMessage>> echo(RpcMessage request, RpcCallInfo info) {
  request.message += " " + std::to_string(info.method);
  co_return request;
}

Task<void> call_often(RpcClient& client, const Clock& clock, int calls, int* good) {
  for (int i = 0; i < calls; ++i) {
    RpcMessage request{.message = std::to_string(i), .attachment = std::string(100 * i, 'a')};
    const auto answer = co_await client.call(5, std::move(request), clock.mono() + 10s);
    if (!answer) continue;
    const std::string attachment(100 * i, 'a');
    *good += answer->message == std::to_string(i) + " 5" && answer->attachment == attachment;
  }
}

Task<void> many_calls(Network& network, Timers& timers) {
  const SystemClock clock;
  const Executor executor = co_await asio::this_coro::executor;
  const RpcWorld world{.executor = executor,
                       .network = network,
                       .clock = clock,
                       .timers = timers,
                       .random = random_bytes};
  const RpcIdentity identity{.cluster_id = "c", .secret = "0123456789abcdef"};
  RpcServer server(world, {.identity = identity});
  server.handle(5, "echo", echo);
  EXPECT_TRUE(server.start("127.0.0.1:0"));
  const std::string address = "127.0.0.1:" + std::to_string(server.port());
  RpcClient client(world, {.address = address, .identity = identity});
  TaskGroup callers(executor);
  int good = 0;
  for (int i = 0; i < 20; ++i) callers.spawn(call_often(client, clock, 100, &good));
  co_await callers.join();
  EXPECT_EQ(good, 2000);

  RpcMessage large{.message = "large", .attachment = std::string(20 << 20, 'z')};
  const auto back = co_await client.call(5, std::move(large), clock.mono() + 10s);
  EXPECT_TRUE(back && back->attachment == std::string(20 << 20, 'z'));
  EXPECT_EQ(server.connections(), 1U);

  RpcMessage lost{.message = "x"};
  const auto unknown = co_await client.call(6, std::move(lost), clock.mono() + 10s);
  EXPECT_EQ(unknown.error().code(), Errc::kUnimplemented);

  co_await client.stop();
  co_await server.stop(clock.mono());
  EXPECT_EQ(server.connections(), 0U);
}

TEST(RpcOverTcp, ManyCallsShareAConnection) {
  const auto network = make_tcp_network();
  const auto timers = make_asio_timers();
  test::run_coro(many_calls(*network, *timers));
}

class RpcOverTls : public testing::Test {
 protected:
  const test::Circle circle_;
  const SystemClock clock_;
  Metrics metrics_;
  TlsNetwork network_{make_tcp_network(), circle_.context(), "", clock_, metrics_};
  const std::unique_ptr<Timers> timers_ = make_asio_timers();
};

TEST_F(RpcOverTls, ManyCallsShareAConnection) {
  test::run_coro(many_calls(network_, *timers_));
}

/// A client that connects and says nothing, not even its hello of TLS.
Task<void> say_nothing(Network& guarded, Network& plain, Timers& timers) {
  const SystemClock clock;
  const Executor executor = co_await asio::this_coro::executor;
  const RpcWorld world{executor, guarded, clock, timers, random_bytes};
  RpcServerOptions options{.identity = {.cluster_id = "c", .secret = "0123456789abcdef"}};
  options.handshake_timeout = 50ms;
  RpcServer server(world, options);
  EXPECT_TRUE(server.start("127.0.0.1:0"));
  const std::string address = "127.0.0.1:" + std::to_string(server.port());
  auto silent = co_await plain.connect(address, clock.mono() + 10s);
  EXPECT_TRUE(silent);
  std::byte end{};
  const auto got = co_await (*silent)->read_some(std::span(&end, 1));
  EXPECT_TRUE(!got || *got == 0) << "it is shown the door";
  co_await server.stop(clock.mono());
  EXPECT_EQ(server.connections(), 0U);
}

TEST_F(RpcOverTls, ASilentClientIsShownTheDoor) {
  const auto plain = make_tcp_network();
  test::run_coro(say_nothing(network_, *plain, *timers_));
}

}  // namespace
}  // namespace kelp
