#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "async/task_group.h"
#include "base/memory_budget.h"
#include "rpc/frame.h"
#include "rpc/rpc_types.h"

namespace kelp {

class Metrics;
class RpcMethodProbe;
class RpcServerConnection;

/// Who calls and how long it waits. Valid until the handler returns.
struct RpcCallInfo {
  std::uint32_t method = 0;
  MonoTime deadline;
  std::string_view peer;         ///< Its address.
  std::uint64_t connection = 0;  ///< Never used again by this server; see on_connection_end().
  std::uint64_t request_id = 0;
  RpcServerConnection* on = nullptr;

  /// Waits until the answers of this connection that are not sent yet leave room for `bytes` more:
  /// for answers so large that a peer who reads slowly would make us hold too many. kCancelled.
  [[nodiscard]] Task<Result<void>> reserve_answer(std::size_t bytes) const;
};

/// Serves one method. It runs on the server's executor beside others of the same connection; it is
/// cancelled when the deadline passes, the client cancels or the connection ends.
using RpcHandler = std::function<Task<Result<RpcMessage>>(RpcMessage, RpcCallInfo)>;

/// Who may call, and the limits.
struct RpcServerOptions {
  RpcIdentity identity;
  std::size_t connection_limit = 1024;            ///< Past it new ones are closed.
  std::size_t in_flight_limit = 256;              ///< A connection; kResourceExhausted.
  std::size_t in_flight_bytes_limit = 128 << 20;  ///< A connection; it is not read on.
  std::size_t answer_bytes_limit = 32 << 20;      ///< A connection; see reserve_answer().
  /// Of the requests and answers of all calls under way, kResourceExhausted past it; none: no
  /// limit. Must outlive the server.
  MemoryBudget* memory = nullptr;
  /// Where calls are counted; none: nowhere. Must outlive the server.
  Metrics* metrics = nullptr;
  std::chrono::milliseconds handshake_timeout{5000};  ///< Closed after it.
  FrameLimits limits;                                 ///< Of requests.
  FrameLimits answer_limits;                          ///< Of answers; larger ones are kInternal.
};

/// Answers calls of RpcClient on one address. One executor.
class RpcServer {
 public:
  RpcServer(RpcWorld world, RpcServerOptions options);
  ~RpcServer();
  RpcServer(const RpcServer&) = delete;
  RpcServer& operator=(const RpcServer&) = delete;

  /// Registers a method before start(); each number once. `name` is what metrics call it.
  void handle(std::uint32_t method, std::string_view name, RpcHandler handler);
  /// Listens on "host:port" and serves. Errors as Network::listen.
  Result<void> start(const std::string& address);
  /// The port in use; after start().
  [[nodiscard]] std::uint16_t port() const;
  /// Takes a connection that somebody else accepted for this server's executor.
  void adopt(std::unique_ptr<Stream> stream);
  /// Before start(): connections go to these in turn instead of to this server alone.
  void deal_to(std::vector<RpcServer*> servers) { dealt_to_ = std::move(servers); }
  /// Before start(): calls `ended` with the number of each connection that ended, when nothing of
  /// it runs any more.
  void on_connection_end(std::function<void(std::uint64_t)> ended);
  /// Takes no more connections, tells the clients that know of it up to which request it has begun
  /// (FrameKind::kFarewell), refuses later ones with kUnavailable. Gives those under way, and their
  /// answers, until `grace`, then cancels and returns when nothing is left. Call before the
  /// destructor.
  Task<void> stop(MonoTime grace);
  /// Calls under way, over all connections.
  [[nodiscard]] std::size_t in_flight() const { return in_flight_; }
  [[nodiscard]] std::size_t connections() const { return open_.size(); }
  /// Of the requests of the calls under way.
  [[nodiscard]] std::size_t in_flight_bytes() const { return in_flight_bytes_; }
  [[nodiscard]] const RpcWorld& world() const { return world_; }
  /// Of requests.
  [[nodiscard]] const FrameLimits& limits() const { return options_.limits; }
  /// For what handlers start beside their calls: cancelled and joined by stop().
  [[nodiscard]] TaskGroup& background() { return tasks_; }

 private:
  friend class RpcServerConnection;
  struct Method {
    RpcHandler handler;
    std::unique_ptr<RpcMethodProbe> probe;
  };
  Task<void> accept_forever();
  Task<void> serve(std::unique_ptr<Stream> stream);
  [[nodiscard]] bool is_drained(MonoTime now) const;

  RpcWorld world_;
  RpcServerOptions options_;
  std::map<std::uint32_t, Method> methods_;
  std::unique_ptr<RpcMethodProbe> unknown_;  ///< Of calls of methods that are not here.
  std::vector<std::function<void(std::uint64_t)>> connection_ended_;
  std::vector<RpcServer*> dealt_to_{this};
  std::unique_ptr<Listener> listener_;
  TaskGroup tasks_;
  std::uint64_t next_connection_ = 1;
  std::vector<RpcServerConnection*> open_;
  std::size_t in_flight_ = 0;
  std::size_t in_flight_bytes_ = 0;
  bool stopping_ = false;
};

}  // namespace kelp
