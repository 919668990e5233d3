#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace kelp {

/// What a frame is for. Values are on the wire.
enum class FrameKind : std::uint8_t {
  kHello = 1,     ///< A step of the handshake (rpc/hello.h).
  kRequest = 2,   ///< Client to server.
  kResponse = 3,  ///< The answer.
  kError = 4,     ///< The answer when it is an Error; with request id 0: about the connection.
  kCancel = 5,    ///< The client does not want the answer any more.
  kPing = 6,      ///< Either side; answered by kPong.
  kPong = 7,
  kFarewell = 8,  ///< Server to client: no request after `request_id` is begun any more.
};

inline constexpr std::size_t kFrameHeaderBytes = 44;
/// What a sender takes as "no deadline".
inline constexpr std::uint64_t kMaxDeadlineMicros = 24ULL * 3600 * 1'000'000;

/// The fixed head of a frame; then follow the message and the attachment.
struct FrameHeader {
  FrameKind kind = FrameKind::kRequest;
  std::uint32_t method = 0;           ///< Of a request, else 0.
  std::uint64_t request_id = 0;       ///< Chosen by the client, never 0 for a call.
  std::uint64_t deadline_micros = 0;  ///< Of a request: what is left of its time when sent.
  std::uint32_t message_bytes = 0;
  std::uint32_t attachment_bytes = 0;
  std::uint32_t message_crc = 0;  ///< CRC-32C of the message; an attachment brings its own checks.

  friend bool operator==(const FrameHeader&, const FrameHeader&) = default;
};

/// What a receiver takes; more is refused before anything is allocated.
struct FrameLimits {
  std::uint32_t message_bytes = 1 << 20;
  std::uint32_t attachment_bytes = (64 << 20) + (64 << 10);
};

/// Appends the 44 bytes of `header`. Source: docs/formats/rpc-frame.md, version 1.
void encode_header(const FrameHeader& header, std::string& out);

/// Decodes the first kFrameHeaderBytes of `bytes`. Errors: kCorruption (too short, magic, checksum,
/// an unknown kind, bits that must be 0), kUnimplemented (another version; names both),
/// kInvalidArgument (a length over `limits`).
[[nodiscard]] Result<FrameHeader> decode_header(ByteSpan bytes, const FrameLimits& limits);

/// kCorruption when `message` is not the one that `header` was made for.
[[nodiscard]] Result<void> verify_message(const FrameHeader& header, std::string_view message);

/// The message of the pong that a client sends unasked after the handshake: what it knows.
[[nodiscard]] std::string encode_known_kinds();
/// Whether the sender of a pong with this message knows `kind`. Older ones send none.
[[nodiscard]] bool knows_kind(std::string_view pong, FrameKind kind);

/// The message of a kError frame. The detail is cut at 4 KiB.
[[nodiscard]] std::string encode_error(const Error& error);
/// The Error that a kError frame carries; kCorruption when it is malformed. A code that
/// is not known here (a newer peer) reads as kInternal.
[[nodiscard]] Error decode_error(std::string_view message);

}  // namespace kelp
