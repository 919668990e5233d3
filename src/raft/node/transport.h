#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "async/awaitable.h"
#include "kelp/result.h"
#include "raft/core/types.h"

namespace kelp::raft {

/// A piece of a snapshot on its way to a member.
struct SnapshotChunk {
  NodeId from;
  Term term;
  SnapshotMark mark;
  std::uint64_t total_bytes = 0;
  std::uint64_t offset = 0;
  std::string bytes;  ///< At most 1 MiB.
};

/// Carries messages to the other members. Messages may be lost, doubled or overtake each other;
/// never changed. Used on the node's executor only.
class Transport {
 public:
  /// Whoever takes what arrives.
  struct Receiver {
    std::function<void(Message)> message;
    /// The error tells the sender to give up, e.g. another cluster.
    std::function<Task<Result<void>>(SnapshotChunk)> chunk;
    std::function<void(NodeId)> unreachable;
  };
  virtual ~Transport() = default;
  /// From now on everything that arrives for this node goes to `receiver`; an empty one ends it.
  virtual void receive(Receiver receiver) = 0;
  /// Sends and forgets. A bounded queue a peer; what does not fit is dropped and shows as
  /// unreachable.
  virtual void send(Message message) = 0;
  /// Delivers a chunk; returns when the peer has taken it.
  virtual Task<Result<void>> send_chunk(NodeId to, SnapshotChunk chunk) = 0;
};

}  // namespace kelp::raft
