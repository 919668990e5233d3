#pragma once

#include <memory>
#include <string>
#include <vector>

#include "client/rpc/rpc_filer.h"
#include "client/rpc/rpc_limits.h"
#include "client/rpc/rpc_master.h"
#include "client/rpc/rpc_volume_node.h"
#include "client/rpc/volume_handlers.h"
#include "rpc/rpc_servers.h"
#include "tests/support/client_fakes.h"

namespace kelp::test {

/// The three services.
struct Fakes {
  FakeMaster master;
  FakeVolume volume;
  FakeFiler filer;
  FakeReplicas replicas;
};

/// What a rig is made with.
struct RpcRigOptions {
  RpcIdentity server{.cluster_id = "cluster", .secret = "0123456789abcdef"};
  RpcIdentity client{.cluster_id = "cluster", .secret = "0123456789abcdef"};
  VolumeHandlersOptions uploads;
  std::chrono::milliseconds idle_time{0};
  std::size_t channel_limit = 1024;
};

/// Fakes served at one address, and their clients. `served` and `called` are the two sides' worlds.
class RpcRig {
 public:
  RpcRig(RpcWorld served, RpcWorld called, std::vector<Executor> executors, Fakes& fakes,
         RpcRigOptions options = {})
      : served_(std::move(served)),
        executors_(std::move(executors)),
        options_(std::move(options)),
        fakes_(fakes),
        channels_(std::move(called), executors_,
                  {.identity = options_.client,
                   .channel_limit = options_.channel_limit,
                   .idle_time = options_.idle_time}) {}

  /// Serves, at first and again after stop_server(), and makes the clients on the first time.
  Task<void> start(std::string address) {
    servers =
        std::make_unique<RpcServers>(served_, executors_, daemon_server_options(options_.server));
    const auto prepare = [this](RpcServer& server) {
      serve_master(server, fakes_.master);
      serve_master_control(server, fakes_.master);
      serve_volume(server, fakes_.volume, fakes_.volume, options_.uploads);
      serve_volume_replicas(server, fakes_.replicas);
      serve_filer(server, fakes_.filer);
      last_server = &server;
    };
    servers->each(prepare);
    EXPECT_TRUE(co_await servers->start(address));
    address_ = address.substr(0, address.rfind(':') + 1) + std::to_string(servers->port());
    if (master != nullptr) co_return;
    master = std::make_unique<RpcMasterClient>(channels_, std::vector{address_});
    volume = std::make_unique<RpcVolumeNode>(channels_, address_);
    filer = std::make_unique<RpcFilerClient>(channels_, std::vector{address_});
  }
  Task<void> stop_server() {
    co_await servers->stop(served_.clock.mono());
    servers.reset();
  }
  Task<void> end() {
    co_await channels_.stop();
    if (servers != nullptr) co_await stop_server();
  }
  [[nodiscard]] RpcChannels& channels() { return channels_; }
  [[nodiscard]] const std::string& address() const { return address_; }

  std::unique_ptr<RpcServers> servers;
  RpcServer* last_server = nullptr;
  std::unique_ptr<RpcMasterClient> master;
  std::unique_ptr<RpcVolumeNode> volume;
  std::unique_ptr<RpcFilerClient> filer;

 private:
  RpcWorld served_;
  std::vector<Executor> executors_;
  RpcRigOptions options_;
  Fakes& fakes_;
  RpcChannels channels_;
  std::string address_;
};

}  // namespace kelp::test
