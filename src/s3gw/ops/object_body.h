#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "s3gw/call.h"
#include "s3gw/core/range.h"

namespace kelp::s3 {

/// A stretch of an object, and the text that an answer has in front of it.
struct Stretch {
  std::string before;
  ByteRange range;  ///< Of size 0: the text alone.
};

/// How long an answer of these is.
[[nodiscard]] std::uint64_t body_bytes(std::span<const Stretch> body);

/// Sends stretches of a version, verified (and decrypted, with the request's key) before they go
/// out. `found` must have been asked for with its inline body; `body` must outlive the call.
/// Errors  those of the reads and keys, SlowDown without memory: all before the first byte. After
///         it the answer stays short of its length and the connection closes.
[[nodiscard]] Task<S3Result<void>> send_object(Call& call, HttpResponse head, FoundObject& found,
                                               std::span<const Stretch> body);

}  // namespace kelp::s3
