#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "rpc/rpc_server.h"

namespace kelp {

/// One address served by several io threads: an RpcServer on each; connections are dealt out in
/// turn and stay where they are for life. In the simulation there is one executor.
class RpcServers {
 public:
  /// `world.executor` is replaced by each of `executors`, of which there is at least one. The
  /// limits hold for each.
  RpcServers(const RpcWorld& world, const std::vector<Executor>& executors,
             const RpcServerOptions& options);
  ~RpcServers();
  RpcServers(const RpcServers&) = delete;
  RpcServers& operator=(const RpcServers&) = delete;

  /// Calls `prepare` with each server, to register methods. Before start().
  void each(const std::function<void(RpcServer&)>& prepare);
  /// Listens on "host:port" and serves; from any executor. Errors as Network::listen.
  Task<Result<void>> start(std::string address);
  /// The port in use; after start().
  [[nodiscard]] std::uint16_t port() const { return servers_.front()->port(); }
  /// RpcServer::stop of each, from any executor. Call before the destructor.
  Task<void> stop(MonoTime grace);

 private:
  std::vector<std::unique_ptr<RpcServer>> servers_;
};

}  // namespace kelp
