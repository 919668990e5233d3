#include "rpc/rpc_servers.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "async/task_group.h"

namespace kelp {
namespace {

Task<Result<void>> start_one(RpcServer& server, std::string address) {
  co_return server.start(address);
}

Task<void> stop_one(RpcServer& server, MonoTime grace) {
  co_await asio::co_spawn(server.world().executor, server.stop(grace), asio::use_awaitable);
}

Task<void> nothing() {
  co_return;
}

}  // namespace

RpcServers::RpcServers(const RpcWorld& world, const std::vector<Executor>& executors,
                       const RpcServerOptions& options) {
  std::vector<RpcServer*> all;
  for (const Executor& executor : executors) {
    RpcWorld here = world;
    here.executor = executor;
    servers_.push_back(std::make_unique<RpcServer>(std::move(here), options));
    all.push_back(servers_.back().get());
  }
  servers_.front()->deal_to(std::move(all));
}

RpcServers::~RpcServers() = default;

void RpcServers::each(const std::function<void(RpcServer&)>& prepare) {
  for (const auto& server : servers_) prepare(*server);
}

Task<Result<void>> RpcServers::start(std::string address) {
  RpcServer& first = *servers_.front();
  co_return co_await asio::co_spawn(first.world().executor, start_one(first, std::move(address)),
                                    asio::use_awaitable);
}

Task<void> RpcServers::stop(MonoTime grace) {
  TaskGroup stops(co_await asio::this_coro::executor);
  for (const auto& server : servers_) stops.spawn(stop_one(*server, grace));
  co_await stops.join();
  // A connection may have been on its way to another thread when the first server stopped.
  for (const auto& server : servers_) {
    co_await asio::co_spawn(server->world().executor, nothing(), asio::use_awaitable);
  }
}

}  // namespace kelp
