#pragma once

#include <memory>

#include "async/runtime.h"
#include "client/rpc/rpc_channels.h"
#include "os/system_clock.h"
#include "server/internal_network.h"

namespace kelp::server {

/// A command's rpc connections to servers whose addresses it was given, from a thread of its own.
class RpcLink {
 public:
  /// By the network that the configuration names; connects when something is asked. Errors: those
  /// of InternalNetwork::open().
  [[nodiscard]] static Result<std::unique_ptr<RpcLink>> open(const Config& config,
                                                             RpcIdentity identity);
  /// Ends every connection.
  ~RpcLink();
  RpcLink(const RpcLink&) = delete;
  RpcLink& operator=(const RpcLink&) = delete;

  /// Runs `task` on the link's thread and waits for it; never from that thread.
  void run(Task<void> task) { runtime_.run(std::move(task)); }
  [[nodiscard]] Executor executor() const { return runtime_.executor(0); }
  [[nodiscard]] RpcChannels& channels() { return *channels_; }
  [[nodiscard]] Clock& clock() { return clock_; }
  [[nodiscard]] Timers& timers() { return *timers_; }

 private:
  RpcLink();

  SystemClock clock_;
  Metrics metrics_;  ///< Nobody looks at them.
  std::unique_ptr<FileIo> io_;
  std::unique_ptr<InternalNetwork> network_;
  std::unique_ptr<Timers> timers_;
  Runtime runtime_{1};
  std::unique_ptr<RpcChannels> channels_;
};

}  // namespace kelp::server
