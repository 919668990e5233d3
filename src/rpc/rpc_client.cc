#include "rpc/rpc_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "rpc/frame_io.h"
#include "rpc/handshake.h"

namespace kelp {
namespace {

/// The id of the connection itself among the deadlines: handshake and pings.
constexpr std::uint64_t kLinkId = 0;
/// That of the look whether a call waits in silence.
constexpr std::uint64_t kSilenceId = UINT64_MAX;

std::uint64_t draw_seed(const RandomBytes& random) {
  std::uint64_t seed = 0;
  random(std::as_writable_bytes(std::span(&seed, 1)));
  return seed;
}

}  // namespace

struct RpcClient::Pending {
  Frame frame;  ///< Until it is sent.
  MonoTime deadline;
  MonoTime sent_at{};
  Link* link = nullptr;  ///< Where it was sent; null: it was not, or was certainly not begun.
  bool leaving = false;  ///< See RpcCallTrace.
  std::optional<Result<RpcMessage>> result;
  Event done;
};

struct RpcClient::Link {
  Link(std::unique_ptr<Stream> s, FrameLimits limits)
      : stream(std::move(s)), reader(*stream, limits), writer(*stream) {}
  /// Ends when its last call has.
  void end_if_done() {
    if (leaving && calls == 0) stream->close();
  }
  std::unique_ptr<Stream> stream;
  FrameReader reader;
  FrameWriter writer;
  std::size_t calls = 0;  ///< Sent and not ended.
  bool leaving = false;   ///< The server said farewell: nothing more is sent.
};

RpcClient::RpcClient(RpcWorld world, RpcClientOptions options)
    : world_(std::move(world)),
      options_(std::move(options)),
      rng_(draw_seed(world_.random)),
      tasks_(world_.executor),
      deadlines_(tasks_, world_.clock, world_.timers, [this](std::uint64_t id) { expire(id); }) {}

RpcClient::~RpcClient() = default;

Task<Result<RpcMessage>> RpcClient::call(std::uint32_t method, RpcMessage request,
                                         MonoTime deadline, RpcCallTrace* trace) {
  if (stopping_) co_return Error(Errc::kCancelled, "the rpc client has stopped");
  if (request.message.size() > options_.limits.message_bytes ||
      request.attachment.size() > options_.limits.attachment_bytes) {
    co_return Error(Errc::kInvalidArgument, "the request is larger than a frame");
  }
  if (pending_.size() >= options_.in_flight_limit) {
    co_return Error(Errc::kResourceExhausted,
                    fmt::format("{} calls to {} are under way", pending_.size(), options_.address));
  }
  if (deadline <= world_.clock.mono()) {
    co_return Error(Errc::kDeadlineExceeded, "the deadline had passed before the call");
  }
  const std::uint64_t id = next_id_++;
  Pending call;
  call.frame = make_frame(FrameKind::kRequest, id, std::move(request.message),
                          std::move(request.attachment));
  call.frame.header.method = method;
  call.deadline = deadline;
  pending_.emplace(id, &call);
  deadlines_.add(deadline, id);
  waiting_.push_back(id);
  if (!std::exchange(started_, true)) tasks_.spawn(keep_connected());
  if (link_ != nullptr) {
    send_waiting();
  } else {
    wanted_.notify_all();
  }
  while (!call.result) {
    if (co_await call.done.wait() || call.result) continue;
    tell_cancelled(call, id);
    finish(id, Error(Errc::kCancelled, "call cancelled"));
  }
  if (trace != nullptr) *trace = {.sent = call.link != nullptr, .leaving = call.leaving};
  co_return *std::move(call.result);
}

Task<void> RpcClient::stop() {
  stopping_ = true;
  tasks_.cancel();
  co_await tasks_.join();
  const Error stopped(Errc::kCancelled, "the rpc client has stopped");
  while (!pending_.empty()) finish(pending_.begin()->first, stopped);
}

Task<void> RpcClient::keep_connected() {
  Backoff backoff(options_.backoff);
  while (true) {
    for (drop_forgotten(); waiting_.empty(); drop_forgotten()) {
      if (!co_await wanted_.wait()) co_return;
    }
    greeted_ = false;
    const auto outcome = co_await connect_and_read();
    if (stopping_ || outcome) co_return;
    const Error& error = outcome.error();
    if (greeted_) {
      logger("rpc").info("connection_lost peer={} error={}", options_.address,
                         log_value(error.message()));
      backoff.succeeded();
      continue;
    }
    fail_waiting(error);
    const auto wait = backoff.failed(rng_);
    if (!co_await world_.timers.sleep_until(world_.clock.mono() + wait)) co_return;
  }
}

/// One connection from its making to its end, with an Error; after a farewell with none: by then
/// another keep_connected() runs.
Task<Result<void>> RpcClient::connect_and_read() {
  const MonoTime deadline = world_.clock.mono() + options_.connect_timeout;
  KELP_CO_TRY(auto stream, co_await world_.network.connect(options_.address, deadline));
  if (stopping_) co_return Error(Errc::kCancelled, "the rpc client has stopped");
  Link link(std::move(stream), options_.limits);
  ClientHello hello(options_.identity, world_.random);
  closing_ = link.stream.get();
  deadlines_.add(deadline, kLinkId);
  auto outcome = co_await greet_server(*link.stream, link.reader, std::move(hello));
  deadlines_.remove(deadline, kLinkId);
  if (outcome) {
    greeted_ = true;
    TaskGroup io(world_.executor);
    io.spawn(link.writer.run());
    link.writer.on_written([this] { send_waiting(); });
    link.writer.push(make_frame(FrameKind::kPong, 0, encode_known_kinds()));
    link_ = &link;
    left_ = false;
    heard();
    send_waiting();
    outcome = co_await read_answers(link);
    if (link_ == &link) leave_link();
    link.stream->close();
    io.cancel();
    co_await io.join();
    fail_sent(link, outcome.error());
  }
  if (link.leaving) co_return Result<void>();
  closing_ = nullptr;
  co_return outcome;
}

/// Nothing more is sent on it.
void RpcClient::leave_link() {
  link_ = nullptr;
  closing_ = nullptr;
  if (silent_until_) deadlines_.remove(*silent_until_, kLinkId);
  silent_until_.reset();
  if (look_at_) deadlines_.remove(*look_at_, kSilenceId);
  look_at_.reset();
}

Task<Result<void>> RpcClient::read_answers(Link& link) {
  while (true) {
    KELP_CO_TRY(Frame frame, co_await link.reader.next());
    if (link_ == &link) heard();
    KELP_CO_CHECK(take(link, std::move(frame)));
  }
}

Result<void> RpcClient::take(Link& link, Frame frame) {
  const std::uint64_t id = frame.header.request_id;
  switch (frame.header.kind) {
    case FrameKind::kResponse: {
      RpcMessage answer{.message = std::move(frame.message),
                        .attachment = std::move(frame.attachment)};
      finish(id, std::move(answer));
      return {};
    }
    case FrameKind::kError:
      if (id == 0) return decode_error(frame.message);
      finish(id, decode_error(frame.message));
      return {};
    case FrameKind::kPing:
      link.writer.push(make_frame(FrameKind::kPong, 0, ""));
      return {};
    case FrameKind::kPong:
      return {};
    case FrameKind::kFarewell:
      take_farewell(link, id);
      return {};
    default:
      return Error(Errc::kCorruption, fmt::format("rpc: a server sent a frame of kind {}",
                                                  static_cast<unsigned>(frame.header.kind)));
  }
}

/// The server began what it was sent up to `last`, and answers it here; all else goes elsewhere.
void RpcClient::take_farewell(Link& link, std::uint64_t last) {
  if (stopping_ || link.leaving) return;
  logger("rpc").info("peer_leaves peer={} calls={}", options_.address, link.calls);
  link.leaving = true;
  left_ = true;
  leave_link();
  const Error leaving(Errc::kUnavailable,
                      fmt::format("{}: the server shuts down", options_.address));
  for (auto next = pending_.upper_bound(last); next != pending_.end();) {
    const auto [id, call] = *next++;
    if (call->link != &link) continue;
    call->link = nullptr;
    call->leaving = true;
    --link.calls;
    finish(id, leaving);
  }
  link.end_if_done();
  tasks_.spawn(keep_connected());
}

void RpcClient::send_waiting() {
  while (link_ != nullptr && !waiting_.empty() && !link_->writer.full()) {
    const std::uint64_t id = waiting_.front();
    waiting_.pop_front();
    const auto found = pending_.find(id);
    if (found == pending_.end()) continue;
    Pending& call = *found->second;
    call.link = link_;
    ++link_->calls;
    call.sent_at = world_.clock.mono();
    const auto left =
        std::chrono::ceil<std::chrono::microseconds>(call.deadline - call.sent_at).count();
    call.frame.header.deadline_micros = std::min<std::uint64_t>(
        kMaxDeadlineMicros, static_cast<std::uint64_t>(std::max<std::int64_t>(left, 1)));
    link_->writer.push(std::move(call.frame));
    watch_for_silence(call.sent_at);
  }
}

void RpcClient::drop_forgotten() {
  std::erase_if(waiting_, [this](std::uint64_t id) { return !pending_.contains(id); });
}

void RpcClient::finish(std::uint64_t id, Result<RpcMessage> result) {
  const auto found = pending_.find(id);
  if (found == pending_.end()) return;  // cancelled or late: the answer crossed it
  Pending& call = *found->second;
  pending_.erase(found);
  deadlines_.remove(call.deadline, id);
  if (call.link != nullptr) {
    --call.link->calls;
    call.link->end_if_done();
  }
  call.result.emplace(std::move(result));
  call.done.notify_all();
}

void RpcClient::tell_cancelled(const Pending& call, std::uint64_t id) {
  if (call.link != nullptr) call.link->writer.push(make_frame(FrameKind::kCancel, id, ""));
}

void RpcClient::expire(std::uint64_t id) {
  if (id == kLinkId) {
    const bool silent = silent_until_.has_value();
    silent_until_.reset();
    // A frame of many MiB is no silence while it comes.
    if (silent && link_ != nullptr && link_->reader.received() != received_) return heard();
    if (closing_ != nullptr) closing_->close();
    return;
  }
  if (id == kSilenceId) return look_for_silence();
  const auto found = pending_.find(id);
  if (found == pending_.end()) return;
  const Pending& call = *found->second;
  // The server keeps the deadline by itself: nothing to tell it.
  if (call.link != nullptr && call.link == link_) ping_if_silent(call.sent_at);
  finish(id, Error(Errc::kDeadlineExceeded,
                   fmt::format("{} did not answer in time", options_.address)));
}

void RpcClient::watch_for_silence(MonoTime now) {
  if (look_at_) return;
  look_at_ = now + options_.patience;
  deadlines_.add(*look_at_, kSilenceId);
}

/// Whether a call has waited long enough to ask if anybody is there at all: a process that was
/// stopped, or a machine that is gone, must not hold its callers up until their deadlines.
void RpcClient::look_for_silence() {
  look_at_.reset();
  const auto oldest = std::ranges::find_if(
      pending_, [this](const auto& item) { return item.second->link == link_; });
  if (link_ == nullptr || oldest == pending_.end()) return;
  const MonoTime now = world_.clock.mono();
  const MonoTime since = now - options_.patience;
  if (oldest->second->sent_at <= since) ping_if_silent(since);
  watch_for_silence(now);
}

/// Nothing came since: the server is slow, or the network is cut and TCP will not say so for
/// minutes.
void RpcClient::ping_if_silent(MonoTime since) {
  if (link_ == nullptr || silent_until_ || last_heard_ > since) return;
  link_->writer.push(make_frame(FrameKind::kPing, 0, ""));
  received_ = link_->reader.received();
  silent_until_ = world_.clock.mono() + options_.ping_timeout;
  deadlines_.add(*silent_until_, kLinkId);
}

void RpcClient::heard() {
  last_heard_ = world_.clock.mono();
  if (!silent_until_) return;
  deadlines_.remove(*silent_until_, kLinkId);
  silent_until_.reset();
}

/// Ends the calls of a connection that has ended.
void RpcClient::fail_sent(const Link& link, const Error& error) {
  const Error lost(stopping_ ? Errc::kCancelled : Errc::kUnavailable,
                   fmt::format("{}: the connection broke, the outcome is unknown: {}",
                               options_.address, error.detail()));
  for (auto next = pending_.begin(); next != pending_.end();) {
    const auto [id, call] = *next++;
    if (call->link == &link) finish(id, lost);
  }
}

void RpcClient::fail_waiting(const Error& error) {
  // What the handshake says stays; all else means that the server cannot be reached.
  const bool refused =
      error.code() == Errc::kUnauthenticated || error.code() == Errc::kPermissionDenied;
  const Error failed(refused ? error.code() : Errc::kUnavailable,
                     fmt::format("{}: {}", options_.address, error.detail()));
  for (const std::uint64_t id : std::exchange(waiting_, {})) {
    if (const auto found = pending_.find(id); found != pending_.end()) {
      found->second->leaving = left_ && !refused;
    }
    finish(id, failed);
  }
}

}  // namespace kelp
