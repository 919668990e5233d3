#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "async/event.h"
#include "async/task_group.h"
#include "raft/node/message_codec.h"
#include "raft/node/transport.h"
#include "rpc/rpc_client.h"
#include "rpc/rpc_server.h"

namespace kelp::raft {

inline constexpr std::uint32_t kRaftMessagesMethod = 64;
inline constexpr std::uint32_t kRaftChunkMethod = 65;

/// The longest attachment of a call: one command of 16 MiB with what goes before it, or a batch.
inline constexpr std::uint32_t kRaftCallBytes = 17 << 20;

/// Who speaks, and its limits.
struct RpcTransportOptions {
  std::string cluster_id;  ///< Another cluster's messages are refused.
  NodeId self;
  std::string address;  ///< Where this node listens: said to peers, who may not know it.
  RpcIdentity identity;
  std::size_t queue_bytes = 64 << 20;  ///< A peer; what does not fit is dropped.
  std::size_t calls_in_flight = 4;     ///< A peer; what comes meanwhile leaves in one call.
  std::size_t batch_bytes = 4 << 20;   ///< Of one call; a single message may be larger.
  std::chrono::milliseconds message_timeout{5000};
  std::chrono::milliseconds chunk_timeout{30'000};
};

/// Transport over rpc: one client a peer, messages that gather leave together, failures show as
/// unreachable. One executor, the world's.
class RpcTransport final : public Transport {
 public:
  RpcTransport(RpcWorld world, RpcTransportOptions options);
  ~RpcTransport() override;

  /// Registers the methods, before `server` starts; for several servers once each. They take
  /// attachments of kRaftCallBytes, and may run on other executors. They must be stopped before
  /// this dies.
  void serve(RpcServer& server);

  /// Where the peers listen ("host:port"); may be called again at any time. Who is not named can be
  /// reached only once it said where it listens: a member that was away may know nothing of its
  /// leader.
  void set_peers(const std::map<NodeId, std::string>& addresses);
  /// Ends all calls. Before the destructor.
  Task<void> stop();

  void receive(Receiver receiver) override { receiver_ = std::move(receiver); }
  void send(Message message) override;
  Task<Result<void>> send_chunk(NodeId to, SnapshotChunk chunk) override;

 private:
  struct Peer;
  using PeerPtr = std::shared_ptr<Peer>;

  Task<void> send_forever(PeerPtr peer);
  Task<void> send_batch(PeerPtr peer, RpcMessage batch);
  [[nodiscard]] RpcMessage take_batch(Peer& peer) const;
  [[nodiscard]] Envelope envelope_to(const Peer& peer) const;
  void failed(Peer& peer, const Error& error);
  void add_peer(NodeId node, const std::string& address);
  void retire(PeerPtr peer);
  static Task<void> stop_client(PeerPtr peer);

  Task<Result<RpcMessage>> on_messages(RpcMessage request, RpcCallInfo info);
  Task<Result<RpcMessage>> on_chunk(RpcMessage request, RpcCallInfo info);
  Result<void> admit(const Envelope& envelope);
  Result<void> take_messages(const Envelope& envelope, std::vector<Message> messages);
  Task<Result<void>> take_chunk(Envelope envelope, SnapshotChunk chunk);
  using Done = std::function<void(Result<void>)>;
  Task<void> take_chunk_for(Envelope envelope, SnapshotChunk chunk, Done done);

  RpcWorld world_;
  const RpcTransportOptions options_;
  Receiver receiver_;
  TaskGroup tasks_;
  std::map<NodeId, PeerPtr> peers_;
  std::set<std::string> refused_;  ///< Said once; bounded.
  bool stopping_ = false;
};

}  // namespace kelp::raft
