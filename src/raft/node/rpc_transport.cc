#include "raft/node/rpc_transport.h"

#include <fmt/format.h>

#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <utility>

#include "async/completion.h"
#include "base/assert.h"
#include "base/log.h"

namespace kelp::raft {
namespace {

constexpr std::size_t kRefusalsKept = 64;

RpcMessage to_rpc(Packet packet) {
  return {.message = std::move(packet.message), .attachment = std::move(packet.attachment)};
}

}  // namespace

/// One other member: what waits for it, and the client that brings it there.
struct RpcTransport::Peer {
  Peer(NodeId id, std::string at, const RpcWorld& world, const RpcIdentity& identity)
      : node(id),
        address(std::move(at)),
        client(world, {.address = address,
                       .identity = identity,
                       .backoff = {.most = std::chrono::milliseconds(200)}}) {}
  NodeId node;
  std::string address;
  RpcClient client;
  std::deque<Message> queue;
  std::size_t queued_bytes = 0;
  std::size_t calls = 0;
  Event changed;
  std::uint64_t sender = 0;  ///< Its task.
  bool refusal_logged = false;
  bool older = false;  ///< It does not know what comes with an address.
};

RpcTransport::RpcTransport(RpcWorld world, RpcTransportOptions options)
    : world_(std::move(world)), options_(std::move(options)), tasks_(world_.executor) {}

void RpcTransport::serve(RpcServer& server) {
  KELP_ASSERT(server.limits().attachment_bytes >= kRaftCallBytes,
              "a follower that lags is sent more than this server takes");
  server.handle(kRaftMessagesMethod, "raft.messages",
                std::bind_front(&RpcTransport::on_messages, this));
  server.handle(kRaftChunkMethod, "raft.chunk", std::bind_front(&RpcTransport::on_chunk, this));
}

RpcTransport::~RpcTransport() {
  KELP_ASSERT(peers_.empty(), "a transport is stopped before it dies");
}

void RpcTransport::set_peers(const std::map<NodeId, std::string>& addresses) {
  if (stopping_) return;
  for (auto at = peers_.begin(); at != peers_.end();) {
    const auto wanted = addresses.find(at->first);
    if (wanted != addresses.end() && wanted->second == at->second->address) {
      ++at;
      continue;
    }
    retire(std::move(at->second));
    at = peers_.erase(at);
  }
  for (const auto& [node, address] : addresses) {
    if (node != options_.self && !peers_.contains(node)) add_peer(node, address);
  }
}

void RpcTransport::add_peer(NodeId node, const std::string& address) {
  auto peer = std::make_shared<Peer>(node, address, world_, options_.identity);
  peer->sender = tasks_.spawn(send_forever(peer));
  peers_.emplace(node, std::move(peer));
}

void RpcTransport::retire(PeerPtr peer) {
  tasks_.cancel(peer->sender);
  tasks_.spawn(stop_client(std::move(peer)));
}

Task<void> RpcTransport::stop_client(PeerPtr peer) {
  co_await peer->client.stop();
}

Task<void> RpcTransport::stop() {
  stopping_ = true;
  receiver_ = {};
  for (auto& [node, peer] : std::exchange(peers_, {})) {
    tasks_.cancel(peer->sender);
    co_await stop_client(peer);
  }
  co_await tasks_.join();
}

Envelope RpcTransport::envelope_to(const Peer& peer) const {
  return {.cluster_id = options_.cluster_id,
          .from = options_.self,
          .to = peer.node,
          .reply_to = peer.older ? std::string() : options_.address};
}

// --- sending

void RpcTransport::send(Message message) {
  const NodeId to = message.to;
  const auto found = peers_.find(to);
  const std::size_t bytes = encoded_bytes(message);
  const bool fits =
      found != peers_.end() &&
      (found->second->queue.empty() || found->second->queued_bytes + bytes <= options_.queue_bytes);
  if (!fits) {
    if (receiver_.unreachable) receiver_.unreachable(to);
    return;
  }
  Peer& peer = *found->second;
  peer.queued_bytes += bytes;
  peer.queue.push_back(std::move(message));
  peer.changed.notify_all();
}

RpcMessage RpcTransport::take_batch(Peer& peer) const {
  std::vector<Message> batch;
  std::size_t bytes = 0;
  while (!peer.queue.empty()) {
    const std::size_t next = encoded_bytes(peer.queue.front());
    if (!batch.empty() && bytes + next > options_.batch_bytes) break;
    bytes += next;
    batch.push_back(std::move(peer.queue.front()));
    peer.queue.pop_front();
  }
  peer.queued_bytes -= bytes;
  return to_rpc(encode_messages(envelope_to(peer), batch));
}

Task<void> RpcTransport::send_forever(PeerPtr peer) {
  while (true) {
    while (peer->queue.empty() || peer->calls >= options_.calls_in_flight) {
      if (!co_await peer->changed.wait()) co_return;
    }
    ++peer->calls;
    tasks_.spawn(send_batch(peer, take_batch(*peer)));
  }
}

Task<void> RpcTransport::send_batch(PeerPtr peer, RpcMessage batch) {
  const MonoTime deadline = world_.clock.mono() + options_.message_timeout;
  const auto answer = co_await peer->client.call(kRaftMessagesMethod, std::move(batch), deadline);
  --peer->calls;
  peer->changed.notify_all();
  if (!answer) failed(*peer, answer.error());
}

/// What waits is old by the time the peer is back, so it goes too.
void RpcTransport::failed(Peer& peer, const Error& error) {
  if (error.code() == Errc::kCancelled) return;
  peer.older = error.code() == Errc::kUnimplemented;  // who was away may be a newer one now
  peer.queue.clear();
  peer.queued_bytes = 0;
  if (error.code() == Errc::kPermissionDenied && !std::exchange(peer.refusal_logged, true)) {
    logger("raft").error("refused_by_peer node={} address={} error={}", peer.node.value,
                         log_value(peer.address), log_value(error.detail()));
  }
  if (receiver_.unreachable) receiver_.unreachable(peer.node);
}

Task<Result<void>> RpcTransport::send_chunk(NodeId to, SnapshotChunk chunk) {
  const auto found = peers_.find(to);
  if (found == peers_.end()) {
    co_return Error(Errc::kUnavailable, fmt::format("no address of node {}", to.value));
  }
  const PeerPtr peer = found->second;
  const MonoTime deadline = world_.clock.mono() + options_.chunk_timeout;
  RpcMessage request = to_rpc(encode_chunk(envelope_to(*peer), std::move(chunk)));
  const auto answer = co_await peer->client.call(kRaftChunkMethod, std::move(request), deadline);
  if (answer) co_return Result<void>();
  if (answer.error().code() == Errc::kUnimplemented) peer->older = true;
  co_return answer.error();
}

// --- receiving

/// Nothing of another group is looked at, whoever let it in. Who is of this one may be answered.
Result<void> RpcTransport::admit(const Envelope& envelope) {
  std::string why;
  if (envelope.cluster_id != options_.cluster_id) {
    why = fmt::format("this is a member of cluster {}, the sender is of cluster {}",
                      options_.cluster_id, envelope.cluster_id);
  } else if (envelope.to != options_.self) {
    why = fmt::format("this is node {}, the message is for node {}", options_.self.value,
                      envelope.to.value);
  } else if (envelope.from == options_.self || envelope.from == NodeId{}) {
    why = fmt::format("node {} cannot be the sender", envelope.from.value);
  } else {
    const bool unknown = !stopping_ && !peers_.contains(envelope.from);
    if (unknown && !envelope.reply_to.empty()) add_peer(envelope.from, envelope.reply_to);
    return {};
  }
  if (refused_.size() < kRefusalsKept && refused_.insert(why).second) {
    logger("raft").error("message_refused from={} why={}", envelope.from.value, log_value(why));
  }
  return Error(Errc::kPermissionDenied, std::move(why));
}

Result<void> RpcTransport::take_messages(const Envelope& envelope, std::vector<Message> messages) {
  KELP_CHECK(admit(envelope));
  if (!receiver_.message) return Error(Errc::kUnavailable, "raft does not run here");
  for (Message& message : messages) receiver_.message(std::move(message));
  return {};
}

Task<Result<void>> RpcTransport::take_chunk(Envelope envelope, SnapshotChunk chunk) {
  KELP_CO_CHECK(admit(envelope));
  if (!receiver_.chunk) co_return Error(Errc::kUnavailable, "raft does not run here");
  co_return co_await receiver_.chunk(std::move(chunk));
}

Task<void> RpcTransport::take_chunk_for(Envelope envelope, SnapshotChunk chunk, Done done) {
  done(co_await take_chunk(std::move(envelope), std::move(chunk)));
}

/// Bytes are decoded where they arrive, and taken where the transport lives.
Task<Result<RpcMessage>> RpcTransport::on_messages(RpcMessage request, RpcCallInfo) {
  KELP_CO_TRY(const Envelope envelope, decode_envelope(request.message));
  KELP_CO_TRY(auto messages, decode_messages(request.message, request.attachment));
  Result<void> taken;
  if (co_await asio::this_coro::executor == world_.executor) {
    taken = take_messages(envelope, std::move(messages));
  } else {
    auto begin = [this, &envelope, &messages](Done done) {
      asio::post(world_.executor, [this, &envelope, &messages, done = std::move(done)] {
        done(take_messages(envelope, std::move(messages)));
      });
    };
    taken = co_await await_callback<Result<void>>(std::move(begin));
  }
  if (!taken) co_return taken.error();
  co_return RpcMessage{};
}

Task<Result<RpcMessage>> RpcTransport::on_chunk(RpcMessage request, RpcCallInfo) {
  KELP_CO_TRY(Envelope envelope, decode_envelope(request.message));
  KELP_CO_TRY(SnapshotChunk chunk, decode_chunk(request.message, std::move(request.attachment)));
  Result<void> taken;
  if (co_await asio::this_coro::executor == world_.executor) {
    taken = co_await take_chunk(std::move(envelope), std::move(chunk));
  } else {
    auto begin = [this, &envelope, &chunk](Done done) {
      asio::post(world_.executor, [this, &envelope, &chunk, done = std::move(done)] {
        if (stopping_) return done(Error(Errc::kUnavailable, "raft does not run here"));
        tasks_.spawn(take_chunk_for(std::move(envelope), std::move(chunk), done));
      });
    };
    taken = co_await await_callback<Result<void>>(std::move(begin));
  }
  if (!taken) co_return taken.error();
  co_return RpcMessage{};
}

}  // namespace kelp::raft
