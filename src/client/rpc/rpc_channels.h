#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "client/rpc/rpc_limits.h"
#include "rpc/retry.h"
#include "rpc/rpc_client.h"
#include "wire/rpc_methods.h"

namespace kelp {

/// Who calls, and how many connections are kept.
struct RpcChannelsOptions {
  RpcIdentity identity;
  std::size_t channel_limit = 1024;        ///< A thread.
  std::chrono::milliseconds idle_time{0};  ///< Unused so long (to twice), closed. 0: 10 minutes.
  FrameLimits limits = kDaemonAnswers;     ///< What is taken; requests are smaller.
};

/// The connections of a process to other daemons: one RpcClient for each io thread and address,
/// made when it is needed, closed when it is not used any more. Safe from the io threads that it
/// was given, and only from them.
class RpcChannels {
 public:
  /// `world.executor` is replaced by each of `executors`: all io threads that will call.
  RpcChannels(RpcWorld world, const std::vector<Executor>& executors, RpcChannelsOptions options);
  ~RpcChannels();
  RpcChannels(const RpcChannels&) = delete;
  RpcChannels& operator=(const RpcChannels&) = delete;

  /// This thread's client for `address`; it stays open while it is held. `here` is the executor of
  /// the calling coroutine. kResourceExhausted at the limit, kCancelled after stop().
  [[nodiscard]] Result<std::shared_ptr<RpcClient>> client(const Executor& here,
                                                          const std::string& address);
  /// After a call that failed: how long to wait before it is sent again, or nothing when its error
  /// is the answer. Takes from this thread's budget; `backoff` is the call's own.
  [[nodiscard]] std::optional<std::chrono::nanoseconds> repeat_after(const Executor& here,
                                                                     const FailedCall& call,
                                                                     Backoff& backoff);
  void succeeded(const Executor& here);
  /// Calls without waiting for the answer or telling whether it went well. On `here`'s thread.
  void tell(const Executor& here, std::shared_ptr<RpcClient> client, RpcMethod method,
            std::string message);

  [[nodiscard]] const Clock& clock() const { return world_.clock; }
  [[nodiscard]] Timers& timers() const { return world_.timers; }
  /// Connections kept for `here`'s thread, from that thread.
  [[nodiscard]] std::size_t open_channels(const Executor& here);

  /// Ends every connection; calls under way end with kCancelled. From any executor, before the
  /// destructor.
  Task<void> stop();

 private:
  struct Lane;
  Lane& lane(const Executor& here);

  RpcWorld world_;
  RpcChannelsOptions options_;
  std::vector<std::unique_ptr<Lane>> lanes_;
};

}  // namespace kelp
