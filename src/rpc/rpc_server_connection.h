#pragma once

#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>

#include "async/event.h"
#include "async/task_group.h"
#include "rpc/deadline_queue.h"
#include "rpc/frame_io.h"
#include "rpc/rpc_server.h"

namespace kelp {

/// One connection of an RpcServer from handshake to end.
class RpcServerConnection {
 public:
  RpcServerConnection(RpcServer& server, std::unique_ptr<Stream> stream, std::uint64_t number);
  /// Serves until the peer leaves, breaks the protocol, or the coroutine is cancelled; then ends
  /// every call of it.
  Task<void> run();
  /// Tells a peer that knows of it which request was the last to be begun: it goes elsewhere with
  /// the others, and closes the connection when it has its answers. The server is stopping.
  void say_farewell();
  /// No call is under way, the answers have left, and the peer will not come any more; or it has
  /// had a second to close the connection. The server is stopping.
  [[nodiscard]] bool is_drained(MonoTime now);
  /// See RpcCallInfo.
  Task<Result<void>> reserve_answer(std::uint64_t id, std::size_t bytes);

 private:
  struct Call {
    std::uint64_t task = 0;  ///< In calls_; 0 until it is known.
    RpcMethodProbe* probe = nullptr;
    MonoTime arrived;
    MonoTime deadline;
    std::size_t bytes = 0;
    std::size_t answer_bytes = 0;  ///< Reserved.
    MemoryBudget::Share memory;    ///< Of the request, then of the answer too.
    bool answered = false;         ///< Nobody waits for the handler's answer any more.
  };

  /// Holds a call's place in running_; gives it back also when its task never began.
  class Slot {
   public:
    Slot(RpcServerConnection& connection, std::uint64_t id) : connection_(&connection), id_(id) {}
    Slot(Slot&& other) noexcept
        : connection_(std::exchange(other.connection_, nullptr)), id_(other.id_) {}
    ~Slot() {
      if (connection_ != nullptr) drop();
    }
    /// What the call was.
    Call release();
    [[nodiscard]] std::uint64_t id() const { return id_; }

   private:
    void drop();

    RpcServerConnection* connection_;
    std::uint64_t id_;
  };

  Task<Result<void>> handshake();
  Task<Result<void>> read_frames();
  Result<void> take(Frame frame);
  Result<void> take_request(Frame frame);
  [[nodiscard]] Result<MemoryBudget::Share> admit(const Frame& frame) const;
  void begin(const RpcServer::Method& method, Frame frame, MemoryBudget::Share memory);
  Task<void> serve(Slot slot, const RpcHandler& handler, RpcMessage request, RpcCallInfo info);
  void refuse(std::uint64_t id, const Error& error);
  void abandon(std::uint64_t id, Errc code);
  void expire(std::uint64_t id);

  RpcServer& server_;
  std::unique_ptr<Stream> stream_;
  const std::uint64_t number_;
  FrameReader reader_;
  FrameWriter writer_;
  TaskGroup io_;     ///< The writer and the watcher of deadlines.
  TaskGroup calls_;  ///< The handlers.
  DeadlineQueue deadlines_;
  std::unordered_map<std::uint64_t, Call> running_;
  std::size_t running_bytes_ = 0;
  std::size_t answer_bytes_ = 0;
  Event ended_;                         ///< A call has ended.
  std::uint64_t last_request_ = 0;      ///< The greatest id so far.
  bool heard_ = false;                  ///< A frame came since the handshake.
  bool closes_ = false;                 ///< The peer closes when it is told farewell.
  std::optional<MonoTime> idle_since_;  ///< Of is_drained().
};

}  // namespace kelp
