#pragma once

#include <cstdint>

#include "wire/entry.h"

namespace kelp {

// How long an encrypted body is where it lies (docs/formats/sealed-body.md). What is in it only the
// gateway knows; everybody else counts its bytes.

/// A frame as it lies, with its tag; only the last one of a body is shorter. Blocks of needles are
/// as long, so that a frame is read and verified with one of them.
inline constexpr std::uint64_t kFrameBytes = 64 << 10;
inline constexpr std::uint64_t kFrameTagBytes = 16;
/// In front of the first frame, and counted to it.
inline constexpr std::uint64_t kFrameSaltBytes = 16;
/// What of a frame is the body's.
inline constexpr std::uint64_t kFramePlainBytes = kFrameBytes - kFrameTagBytes;

/// The frames of a body of `plain_bytes`: none when it is empty.
[[nodiscard]] constexpr std::uint64_t frame_count(std::uint64_t plain_bytes) {
  if (plain_bytes == 0) return 0;
  return (plain_bytes + kFrameSaltBytes + kFramePlainBytes - 1) / kFramePlainBytes;
}
/// As long as a body of `plain_bytes` is when it is sealed.
[[nodiscard]] constexpr std::uint64_t sealed_bytes(std::uint64_t plain_bytes) {
  if (plain_bytes == 0) return 0;
  return plain_bytes + kFrameSaltBytes + kFrameTagBytes * frame_count(plain_bytes);
}

/// What the chunks of a part come to.
[[nodiscard]] inline std::uint64_t stored_bytes(const Encryption& encryption,
                                                std::uint64_t plain_bytes) {
  return encryption.any() ? sealed_bytes(plain_bytes) : plain_bytes;
}
/// What the chunks or the inline body of an object come to: each of its parts is sealed by itself.
[[nodiscard]] inline std::uint64_t stored_bytes(const ObjectEntry& entry) {
  const Encryption& encryption = entry.headers.encryption;
  if (!encryption.any() || entry.parts.empty()) return stored_bytes(encryption, entry.size_bytes);
  std::uint64_t bytes = 0;
  for (const PartInfo& part : entry.parts) bytes += sealed_bytes(part.size_bytes);
  return bytes;
}

}  // namespace kelp
