#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kelp/result.h"
#include "raft/core/types.h"
#include "raft/node/transport.h"

namespace kelp::raft {

// What members send each other, as bytes. Source: docs/formats/raft-message.md, version 1.

/// Who sends to whom; checked by the receiver before it looks further.
struct Envelope {
  std::string cluster_id;
  NodeId from;
  NodeId to;
  /// Where the sender listens ("host:port"), for who was never told; may be empty.
  std::string reply_to = {};
  friend bool operator==(const Envelope&, const Envelope&) = default;
};

/// An rpc message and its attachment.
struct Packet {
  std::string message;
  std::string attachment;
};

/// Several messages of one sender to one receiver.
[[nodiscard]] Packet encode_messages(const Envelope& envelope,
                                     const std::vector<Message>& messages);
/// A piece of a snapshot; its bytes are the attachment.
[[nodiscard]] Packet encode_chunk(const Envelope& envelope, SnapshotChunk chunk);

/// The first fields of either; what follows them is not looked at. Errors: kCorruption,
/// kUnimplemented for a newer format (names both).
[[nodiscard]] Result<Envelope> decode_envelope(std::string_view message);
/// kCorruption for anything that encode_messages() does not write.
[[nodiscard]] Result<std::vector<Message>> decode_messages(std::string_view message,
                                                           std::string_view attachment);
/// kCorruption for anything that encode_chunk() does not write. Takes the attachment over.
[[nodiscard]] Result<SnapshotChunk> decode_chunk(std::string_view message, std::string attachment);

/// About what `message` takes; for limits.
[[nodiscard]] std::size_t encoded_bytes(const Message& message);

}  // namespace kelp::raft
