#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "rpc/rpc_client.h"
#include "rpc/rpc_server.h"
#include "tests/support/sim_network.h"

namespace kelp::test {

inline constexpr std::uint32_t kEcho = 1, kSlow = 2, kFail = 3, kBig = 4;
inline constexpr const char* kSecret = "0123456789abcdef";

/// Hosts, links and clocks of one seed.
struct World {
  explicit World(std::uint64_t seed) : context(seed), net(context), rng(context.rng().next()) {}

  RpcWorld on(const std::string& host) {
    auto random = [this](MutableByteSpan out) {
      for (auto& byte : out) byte = static_cast<std::byte>(rng.below(256));
    };
    return {.executor = context.executor(),
            .network = net.host(host),
            .clock = clock,
            .timers = timers,
            .random = std::move(random)};
  }
  [[nodiscard]] MonoTime in(std::chrono::nanoseconds span) const { return context.now() + span; }
  Task<void> sleep(std::chrono::nanoseconds span) {
    EXPECT_TRUE(co_await timers.sleep_until(in(span)));
  }

  SimContext context;
  SimClock clock{context};
  SimTimers timers{context};
  SimNetwork net;
  Rng rng;
};

/// The methods of the tests.
struct Service {
  explicit Service(World& w) : world(w) {}
  Task<Result<RpcMessage>> echo(RpcMessage request, RpcCallInfo) {
    ++calls;
    co_return request;
  }
  /// Answers after `message` milliseconds; counts how often it was cancelled meanwhile.
  Task<Result<RpcMessage>> slow(RpcMessage request, RpcCallInfo) {
    ++calls;
    const auto span = std::chrono::milliseconds(std::stol(request.message));
    const auto slept = co_await world.timers.sleep_until(world.in(span));
    if (!slept) {
      ++cancelled;
      cancelled_at = world.context.now();
      co_return slept.error();
    }
    co_return request;
  }
  static Task<Result<RpcMessage>> fail(RpcMessage, RpcCallInfo) {
    co_return Error(Errc::kNotFound, "no such bucket", Reason::kNoSuchBucket);
  }
  static Task<Result<RpcMessage>> big(RpcMessage request, RpcCallInfo) {
    request.attachment.assign(std::stoul(request.message), 'b');
    co_return request;
  }
  void add_to(RpcServer& server) {
    server.handle(kEcho, "echo", std::bind_front(&Service::echo, this));
    server.handle(kSlow, "slow", std::bind_front(&Service::slow, this));
    server.handle(kFail, "fail", &Service::fail);
    server.handle(kBig, "big", &Service::big);
  }

  World& world;
  int calls = 0;
  int cancelled = 0;
  MonoTime cancelled_at{};
};

/// A server on host "s", port 7000, and a client on host "c".
struct Rig {
  explicit Rig(World& w, RpcServerOptions server_options = {}, RpcClientOptions client_options = {})
      : world(w), service(w) {
    if (server_options.identity.secret.empty()) server_options.identity = identity();
    if (client_options.identity.secret.empty()) client_options.identity = identity();
    client_options.address = "s:7000";
    server = std::make_unique<RpcServer>(w.on("s"), server_options);
    client = std::make_unique<RpcClient>(w.on("c"), client_options);
    service.add_to(*server);
    EXPECT_TRUE(server->start("s:7000"));
  }
  static RpcIdentity identity() { return {.cluster_id = "cluster", .secret = kSecret}; }
  Task<Result<RpcMessage>> call(std::uint32_t method, std::string message,
                                std::chrono::nanoseconds span = std::chrono::seconds(5)) {
    RpcMessage request{.message = std::move(message)};
    return client->call(method, std::move(request), world.in(span));
  }
  Task<void> end() {
    co_await client->stop();
    co_await server->stop(world.context.now());
    EXPECT_EQ(server->in_flight(), 0U);
    EXPECT_EQ(server->connections(), 0U);
  }
  World& world;
  Service service;
  std::unique_ptr<RpcServer> server;
  std::unique_ptr<RpcClient> client;
};

/// Errc{}: it succeeded.
[[nodiscard]] inline Errc code_of(const Result<RpcMessage>& result) {
  return result ? Errc{} : result.error().code();
}

/// Adds what the call came to.
inline Task<void> store_code(Task<Result<RpcMessage>> call, std::vector<Errc>* codes) {
  codes->push_back(code_of(co_await std::move(call)));
}

/// Plays the scenario in worlds of so many seeds, until one fails.
inline void in_world(Task<void> (*scenario)(World&), std::uint64_t seeds = 20) {
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    World world(seed);
    world.context.run(scenario(world));
    if (::testing::Test::HasFailure()) {
      ADD_FAILURE() << world.context.last_events();
      return;
    }
  }
}

}  // namespace kelp::test
