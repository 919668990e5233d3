#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "async/task_group.h"
#include "rpc/frame.h"
#include "rpc/rpc_types.h"

namespace kelp {

/// Who calls and how long it waits.
struct RpcCallInfo {
  std::uint32_t method = 0;
  MonoTime deadline;
  std::string_view peer;  ///< Its address; valid until the handler returns.
};

/// Serves one method. It runs on the server's executor beside others of the same connection; it is
/// cancelled when the deadline passes, the client cancels or the connection ends.
using RpcHandler = std::function<Task<Result<RpcMessage>>(RpcMessage, RpcCallInfo)>;

/// Who may call, and the limits.
struct RpcServerOptions {
  RpcIdentity identity;
  std::size_t connection_limit = 1024;                ///< Past it new ones are closed.
  std::size_t in_flight_limit = 256;                  ///< A connection; kResourceExhausted.
  std::size_t in_flight_bytes_limit = 128 << 20;      ///< A connection; it is not read on.
  std::chrono::milliseconds handshake_timeout{5000};  ///< Closed after it.
  FrameLimits limits;
};

class RpcServerConnection;

/// Answers calls of RpcClient on one address. One executor.
class RpcServer {
 public:
  RpcServer(RpcWorld world, RpcServerOptions options);
  ~RpcServer();
  RpcServer(const RpcServer&) = delete;
  RpcServer& operator=(const RpcServer&) = delete;

  /// Registers a method before start(); each number once.
  void handle(std::uint32_t method, RpcHandler handler);
  /// Listens on "host:port" and serves. Errors as Network::listen.
  Result<void> start(const std::string& address);
  /// The port in use; after start().
  [[nodiscard]] std::uint16_t port() const;
  /// Takes no more connections, refuses new calls with kUnavailable, gives those under way until
  /// `grace`, then cancels and returns when nothing is left. Call before the destructor.
  Task<void> stop(MonoTime grace);
  /// Calls under way, over all connections.
  [[nodiscard]] std::size_t in_flight() const { return in_flight_; }
  [[nodiscard]] std::size_t connections() const { return connections_; }

 private:
  friend class RpcServerConnection;
  Task<void> accept_forever();
  Task<void> serve(std::unique_ptr<Stream> stream);

  RpcWorld world_;
  RpcServerOptions options_;
  std::map<std::uint32_t, RpcHandler> handlers_;
  std::unique_ptr<Listener> listener_;
  TaskGroup tasks_;
  std::size_t connections_ = 0;
  std::size_t in_flight_ = 0;
  bool stopping_ = false;
};

}  // namespace kelp
