#include "client/rpc/rpc_channels.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <map>
#include <utility>

#include "base/assert.h"

namespace kelp {
namespace {

constexpr std::chrono::minutes kDefaultIdleTime{10};
constexpr std::chrono::seconds kTellTime{10};
/// Whoever comes back is found after so long; connections are tried only while somebody calls.
constexpr std::chrono::milliseconds kLongestReconnect{200};

std::uint64_t draw_seed(const RandomBytes& random) {
  std::uint64_t seed = 0;
  random(std::as_writable_bytes(std::span(&seed, 1)));
  return seed;
}

Task<void> close_client(std::shared_ptr<RpcClient> client) {
  co_await client->stop();
}

Task<void> call_and_forget(std::shared_ptr<RpcClient> client, RpcMethod method, std::string message,
                           MonoTime deadline) {
  RpcMessage request{.message = std::move(message)};
  // Whoever tells does not want to know.
  static_cast<void>(
      co_await client->call(std::to_underlying(method), std::move(request), deadline));
}

}  // namespace

/// What one io thread has.
struct RpcChannels::Lane {
  struct Channel {
    std::shared_ptr<RpcClient> client;
    bool used = true;  ///< Since the last look.
    [[nodiscard]] bool held() const { return client.use_count() > 1; }
  };

  explicit Lane(RpcWorld own) : world(std::move(own)), rng(draw_seed(world.random)) {}

  Task<void> close_unused(std::chrono::milliseconds idle_time) {
    while (co_await world.timers.sleep_until(world.clock.mono() + idle_time)) {
      for (auto next = channels.begin(); next != channels.end();) {
        const auto at = next++;
        if (!std::exchange(at->second.used, false) && !at->second.held()) close(at);
      }
    }
  }
  void close(std::map<std::string, Channel>::iterator at) {
    tasks.spawn(close_client(std::move(at->second.client)));
    channels.erase(at);
  }
  bool make_room() {
    const auto idle =
        std::ranges::find_if(channels, [](const auto& c) { return !c.second.held(); });
    if (idle == channels.end()) return false;
    close(idle);
    return true;
  }
  Task<void> stop() {
    stopping = true;
    tasks.cancel();
    co_await tasks.join();
    for (auto& [address, channel] : channels) co_await channel.client->stop();
    channels.clear();
  }

  RpcWorld world;
  Rng rng;
  RetryBudget budget;
  std::map<std::string, Channel> channels;
  TaskGroup tasks{world.executor};
  bool sweeping = false;
  bool stopping = false;
};

RpcChannels::RpcChannels(RpcWorld world, const std::vector<Executor>& executors,
                         RpcChannelsOptions options)
    : world_(std::move(world)), options_(std::move(options)) {
  if (options_.idle_time.count() == 0) options_.idle_time = kDefaultIdleTime;
  for (const Executor& executor : executors) {
    RpcWorld own = world_;
    own.executor = executor;
    lanes_.push_back(std::make_unique<Lane>(std::move(own)));
  }
}

RpcChannels::~RpcChannels() = default;

RpcChannels::Lane& RpcChannels::lane(const Executor& here) {
  for (const auto& lane : lanes_) {
    if (lane->world.executor == here) return *lane;
  }
  KELP_ASSERT(false, "a call to another daemon comes from an io thread that RpcChannels knows");
  std::unreachable();
}

Result<std::shared_ptr<RpcClient>> RpcChannels::client(const Executor& here,
                                                       const std::string& address) {
  Lane& own = lane(here);
  if (own.stopping) return Error(Errc::kCancelled, "calls to other daemons have stopped");
  const auto found = own.channels.find(address);
  if (found != own.channels.end()) {
    found->second.used = true;
    return found->second.client;
  }
  if (own.channels.size() >= options_.channel_limit && !own.make_room()) {
    return Error(Errc::kResourceExhausted,
                 fmt::format("{} connections of this thread are in use", own.channels.size()));
  }
  auto client = std::make_shared<RpcClient>(own.world,
                                            RpcClientOptions{.address = address,
                                                             .identity = options_.identity,
                                                             .backoff = {.most = kLongestReconnect},
                                                             .limits = options_.limits});
  own.channels.emplace(address, Lane::Channel{client});
  if (!std::exchange(own.sweeping, true)) own.tasks.spawn(own.close_unused(options_.idle_time));
  return client;
}

std::optional<std::chrono::nanoseconds> RpcChannels::repeat_after(const Executor& here,
                                                                  const FailedCall& call,
                                                                  Backoff& backoff) {
  Lane& own = lane(here);
  if (own.stopping || !may_repeat(call)) return {};
  if (!is_free(call) && !own.budget.take()) return {};
  return backoff.failed(own.rng);
}

void RpcChannels::succeeded(const Executor& here) {
  lane(here).budget.succeeded();
}

void RpcChannels::tell(const Executor& here, std::shared_ptr<RpcClient> client, RpcMethod method,
                       std::string message) {
  Lane& own = lane(here);
  if (own.stopping) return;
  own.tasks.spawn(call_and_forget(std::move(client), method, std::move(message),
                                  own.world.clock.mono() + kTellTime));
}

std::size_t RpcChannels::open_channels(const Executor& here) {
  return lane(here).channels.size();
}

Task<void> RpcChannels::stop() {
  for (const auto& lane : lanes_) {
    co_await asio::co_spawn(lane->world.executor, lane->stop(), asio::use_awaitable);
  }
}

}  // namespace kelp
