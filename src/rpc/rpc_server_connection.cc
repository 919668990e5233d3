#include "rpc/rpc_server_connection.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "rpc/handshake.h"
#include "rpc/rpc_probe.h"

namespace kelp {
namespace {

/// The id of the handshake among the deadlines; calls have others.
constexpr std::uint64_t kHandshakeId = 0;
/// A peer that was told farewell, or has just come, takes a round trip: who takes longer is gone.
constexpr std::chrono::seconds kPartingTime{1};

Error no_memory() {
  return Error(Errc::kResourceExhausted, "the memory for calls is spent");
}

std::size_t bytes_of(const Frame& frame) {
  return frame.message.size() + frame.attachment.size();
}

}  // namespace

Task<Result<void>> RpcCallInfo::reserve_answer(std::size_t bytes) const {
  return on->reserve_answer(request_id, bytes);
}

RpcServerConnection::RpcServerConnection(RpcServer& server, std::unique_ptr<Stream> stream,
                                         std::uint64_t number)
    : server_(server),
      stream_(std::move(stream)),
      number_(number),
      reader_(*stream_, FrameLimits{.message_bytes = kHelloLimitBytes, .attachment_bytes = 0}),
      writer_(*stream_),
      io_(server.world_.executor),
      calls_(server.world_.executor),
      deadlines_(io_, server.world_.clock, server.world_.timers,
                 [this](std::uint64_t id) { expire(id); }) {}

Task<void> RpcServerConnection::run() {
  auto outcome = co_await handshake();
  if (outcome) {
    reader_.set_limits(server_.options_.limits);
    io_.spawn(writer_.run());
    outcome = co_await read_frames();
  }
  const auto code = outcome ? Errc{} : outcome.error().code();
  if (code != Errc::kUnavailable && code != Errc::kCancelled && !outcome) {
    logger("rpc").warn("connection_ended peer={} error={}", stream_->peer(),
                       log_value(outcome.error().message()));
    refuse(0, outcome.error());
  }
  calls_.cancel();
  co_await calls_.join();
  io_.cancel();
  co_await io_.join();
  stream_->close();
}

void RpcServerConnection::say_farewell() {
  if (closes_) writer_.push(make_frame(FrameKind::kFarewell, last_request_, ""));
}

bool RpcServerConnection::is_drained(MonoTime now) {
  if (!running_.empty() || !writer_.idle()) {
    idle_since_.reset();
    return false;
  }
  if (!idle_since_) idle_since_ = now;
  return (heard_ && !closes_) || now - *idle_since_ >= kPartingTime;
}

Task<Result<void>> RpcServerConnection::handshake() {
  const MonoTime deadline = server_.world_.clock.mono() + server_.options_.handshake_timeout;
  deadlines_.add(deadline, kHandshakeId);
  ServerHello hello(server_.options_.identity, server_.world_.random);
  auto outcome = co_await greet_client(*stream_, reader_, std::move(hello));
  deadlines_.remove(deadline, kHandshakeId);
  co_return outcome;
}

Task<Result<void>> RpcServerConnection::read_frames() {
  while (true) {
    while (running_bytes_ > server_.options_.in_flight_bytes_limit) {
      KELP_CO_CHECK(co_await ended_.wait());
    }
    KELP_CO_TRY(Frame frame, co_await reader_.next());
    KELP_CO_CHECK(take(std::move(frame)));
  }
}

Result<void> RpcServerConnection::take(Frame frame) {
  heard_ = true;
  switch (frame.header.kind) {
    case FrameKind::kRequest:
      return take_request(std::move(frame));
    case FrameKind::kCancel:
      abandon(frame.header.request_id, Errc::kCancelled);
      return {};
    case FrameKind::kPing:
      writer_.push(make_frame(FrameKind::kPong, 0, ""));
      return {};
    case FrameKind::kPong:
      if (closes_ || !knows_kind(frame.message, FrameKind::kFarewell)) return {};
      closes_ = true;
      if (server_.stopping_) say_farewell();
      return {};
    default:
      return Error(Errc::kCorruption, fmt::format("rpc: a client sent a frame of kind {}",
                                                  static_cast<unsigned>(frame.header.kind)));
  }
}

Result<void> RpcServerConnection::take_request(Frame frame) {
  const std::uint64_t id = frame.header.request_id;
  if (id == 0 || running_.contains(id)) {
    return Error(Errc::kCorruption, fmt::format("rpc: request id {} is not free", id));
  }
  last_request_ = std::max(last_request_, id);
  const auto method = server_.methods_.find(frame.header.method);
  if (method == server_.methods_.end()) {
    refuse(id, Error(Errc::kUnimplemented, fmt::format("rpc: no method {}", frame.header.method)));
    server_.unknown_->refused(Errc::kUnimplemented);
    return {};
  }
  auto memory = admit(frame);
  if (!memory) {
    refuse(id, memory.error());
    method->second.probe->refused(memory.error().code());
    return {};
  }
  begin(method->second, std::move(frame), *std::move(memory));
  return {};
}

/// The memory of a call that may begin, or why it may not.
Result<MemoryBudget::Share> RpcServerConnection::admit(const Frame& frame) const {
  if (server_.stopping_) return Error(Errc::kUnavailable, "the server is shutting down");
  if (frame.header.deadline_micros == 0) {
    return Error(Errc::kDeadlineExceeded, "the deadline had passed on arrival");
  }
  if (running_.size() >= server_.options_.in_flight_limit) {
    return Error(Errc::kResourceExhausted,
                 fmt::format("{} calls are under way on this connection", running_.size()));
  }
  auto memory = MemoryBudget::take_of(server_.options_.memory, bytes_of(frame));
  if (!memory) return no_memory();
  return *std::move(memory);
}

void RpcServerConnection::begin(const RpcServer::Method& method, Frame frame,
                                MemoryBudget::Share memory) {
  const std::uint64_t id = frame.header.request_id;
  const auto micros = std::min(frame.header.deadline_micros, kMaxDeadlineMicros);
  const std::size_t bytes = bytes_of(frame);
  const MonoTime arrived = server_.world_.clock.mono();
  const MonoTime deadline = arrived + std::chrono::microseconds(micros);
  Call call{.probe = method.probe.get(),
            .arrived = arrived,
            .deadline = deadline,
            .bytes = bytes,
            .memory = std::move(memory)};
  running_.emplace(id, std::move(call));
  running_bytes_ += bytes;
  ++server_.in_flight_;
  server_.in_flight_bytes_ += bytes;
  method.probe->began();
  deadlines_.add(deadline, id);
  RpcMessage request{.message = std::move(frame.message),
                     .attachment = std::move(frame.attachment)};
  RpcCallInfo info{.method = frame.header.method,
                   .deadline = deadline,
                   .peer = stream_->peer(),
                   .connection = number_,
                   .request_id = id,
                   .on = this};
  const auto task = calls_.spawn(serve(Slot(*this, id), method.handler, std::move(request), info));
  // It may be over already.
  if (const auto running = running_.find(id); running != running_.end()) {
    running->second.task = task;
  }
}

Task<void> RpcServerConnection::serve(Slot slot, const RpcHandler& handler, RpcMessage request,
                                      RpcCallInfo info) {
  auto result = co_await handler(std::move(request), info);
  const std::size_t bytes = result ? result->message.size() + result->attachment.size() : 0;
  if (!running_.at(slot.id()).memory.grow(bytes)) result = no_memory();
  // A slow reader holds its own calls' slots, not our memory.
  if (writer_.full()) static_cast<void>(co_await writer_.wait_for_room());
  const std::uint64_t id = slot.id();
  const Call call = slot.release();
  if (call.answered) co_return;
  const auto& limits = server_.options_.answer_limits;
  if (result && (result->message.size() > limits.message_bytes ||
                 result->attachment.size() > limits.attachment_bytes)) {
    result = Error(Errc::kInternal, "the answer is larger than a frame");
  }
  const Errc code = result ? Errc{} : result.error().code();
  call.probe->answered(code, call.arrived);
  if (code == Errc::kCancelled) {
    // The client did not cancel it: we are on our way out.
    refuse(id, Error(Errc::kUnavailable, "the server shut down under the call"));
  } else if (!result) {
    refuse(id, result.error());
  } else {
    writer_.push(make_frame(FrameKind::kResponse, id, std::move(result->message),
                            std::move(result->attachment)));
  }
}

RpcServerConnection::Call RpcServerConnection::Slot::release() {
  RpcServerConnection& connection = *std::exchange(connection_, nullptr);
  const auto found = connection.running_.find(id_);
  Call call = std::move(found->second);
  connection.running_.erase(found);
  connection.running_bytes_ -= call.bytes;
  connection.answer_bytes_ -= call.answer_bytes;
  --connection.server_.in_flight_;
  connection.server_.in_flight_bytes_ -= call.bytes;
  connection.deadlines_.remove(call.deadline, id_);
  connection.ended_.notify_all();
  call.probe->finished();
  return call;
}

/// Of a call that was cancelled before its task began.
void RpcServerConnection::Slot::drop() {
  const Call call = release();
  if (!call.answered) call.probe->answered(Errc::kCancelled, call.arrived);
}

Task<Result<void>> RpcServerConnection::reserve_answer(std::uint64_t id, std::size_t bytes) {
  while (answer_bytes_ > 0 && answer_bytes_ + bytes > server_.options_.answer_bytes_limit) {
    KELP_CO_CHECK(co_await ended_.wait());
  }
  answer_bytes_ += bytes;
  running_.at(id).answer_bytes += bytes;
  co_return Result<void>();
}

void RpcServerConnection::refuse(std::uint64_t id, const Error& error) {
  writer_.push(make_frame(FrameKind::kError, id, encode_error(error)));
}

/// The client does not wait any more, as `code` says: the handler is told, its answer is dropped.
void RpcServerConnection::abandon(std::uint64_t id, Errc code) {
  const auto found = running_.find(id);
  if (found == running_.end() || found->second.answered) return;
  found->second.answered = true;
  found->second.probe->answered(code, found->second.arrived);
  calls_.cancel(found->second.task);
}

void RpcServerConnection::expire(std::uint64_t id) {
  if (id == kHandshakeId) {
    stream_->close();
    return;
  }
  refuse(id, Error(Errc::kDeadlineExceeded, "the deadline passed at the server"));
  abandon(id, Errc::kDeadlineExceeded);
}

}  // namespace kelp
