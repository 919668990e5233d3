#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "async/event.h"
#include "async/task_group.h"
#include "rpc/deadline_queue.h"
#include "rpc/frame.h"
#include "rpc/retry.h"
#include "rpc/rpc_types.h"

namespace kelp {

struct Frame;

/// Whom a client calls, and its limits.
struct RpcClientOptions {
  std::string address;  ///< "host:port" of the server.
  RpcIdentity identity;
  std::size_t in_flight_limit = 4096;               ///< kResourceExhausted past it.
  std::chrono::milliseconds connect_timeout{3000};  ///< Connection and handshake.
  std::chrono::milliseconds patience{1000};         ///< A call waits so long in silence for a ping.
  std::chrono::milliseconds ping_timeout{2000};     ///< After one, a silent connection is dropped.
  BackoffOptions backoff;
  FrameLimits limits;
};

/// What is known of a call beside its outcome.
struct RpcCallTrace {
  bool sent = false;     ///< The request left, and may have been begun. If not, nothing was done.
  bool leaving = false;  ///< It did not, or was not: the server said farewell.
};

/// Calls one server over one connection, made when it is needed and made again when it broke or its
/// server said farewell; the old one then lives on until its calls are answered. One executor:
/// share one client among the coroutines of a thread.
class RpcClient {
 public:
  RpcClient(RpcWorld world, RpcClientOptions options);
  ~RpcClient();
  RpcClient(const RpcClient&) = delete;
  RpcClient& operator=(const RpcClient&) = delete;

  /// Calls `method` and waits for its answer. The server's Error comes as it is. Besides:
  /// kUnavailable (it does not answer; when the connection broke under a call, or was given up
  /// since the server did not even answer pings, the outcome of that call is unknown),
  /// kDeadlineExceeded (outcome unknown), kCancelled (this coroutine was cancelled, the server is
  /// told), kResourceExhausted, kUnauthenticated and kPermissionDenied (handshake),
  /// kInvalidArgument (too large). A call waits for at most one attempt to connect. `trace`, when
  /// given, is filled in before this returns.
  Task<Result<RpcMessage>> call(std::uint32_t method, RpcMessage request, MonoTime deadline,
                                RpcCallTrace* trace = nullptr);
  /// Ends the connection; calls under way end with kCancelled. Call before the destructor.
  Task<void> stop();

 private:
  struct Pending;
  struct Link;

  Task<void> keep_connected();
  Task<Result<void>> connect_and_read();
  Task<Result<void>> read_answers(Link& link);
  Result<void> take(Link& link, Frame frame);
  void send_waiting();
  void drop_forgotten();
  void take_farewell(Link& link, std::uint64_t last);
  void leave_link();
  void finish(std::uint64_t id, Result<RpcMessage> result);
  void tell_cancelled(const Pending& call, std::uint64_t id);
  void expire(std::uint64_t id);
  void watch_for_silence(MonoTime now);
  void look_for_silence();
  void ping_if_silent(MonoTime since);
  void heard();
  void fail_sent(const Link& link, const Error& error);
  void fail_waiting(const Error& error);

  RpcWorld world_;
  RpcClientOptions options_;
  Rng rng_;  ///< Of the backoff.
  TaskGroup tasks_;
  DeadlineQueue deadlines_;
  std::map<std::uint64_t, Pending*> pending_;  ///< Each lives in its call's coroutine.
  std::deque<std::uint64_t> waiting_;          ///< Calls not sent yet, in order.
  std::uint64_t next_id_ = 1;
  Link* link_ = nullptr;       ///< The connection, once greeted, until its server says farewell.
  Stream* closing_ = nullptr;  ///< What a deadline of the connection closes.
  Event wanted_;
  bool started_ = false;
  bool stopping_ = false;
  bool greeted_ = false;  ///< The last connection got past the handshake.
  bool left_ = false;     ///< Its server said farewell.
  MonoTime last_heard_{};
  std::optional<MonoTime> look_at_;       ///< When it is looked for silence.
  std::optional<MonoTime> silent_until_;  ///< A ping is out: when the connection is given up.
  std::uint64_t received_ = 0;            ///< Bytes that had come when the ping left.
};

}  // namespace kelp
