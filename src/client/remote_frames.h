#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "kelp/result.h"
#include "wire/fid.h"

namespace kelp {

// How a needle lies in a remote bucket: docs/formats/remote-needle.md.

/// Bytes of a body in a frame; the last one may have fewer.
inline constexpr std::uint64_t kRemoteFrameBytes = 64 << 10;
/// Bytes in front of them.
inline constexpr std::uint64_t kRemoteFrameHead = 16;

/// Bytes that a body takes there.
[[nodiscard]] std::uint64_t remote_bytes(std::uint64_t body_bytes);
/// The reverse; nothing when no body takes so many.
[[nodiscard]] std::optional<std::uint64_t> remote_body_bytes(std::uint64_t stored_bytes);

/// The name of a needle's object; names ascend as keys do.
[[nodiscard]] std::string remote_name(NeedleKey key, Cookie cookie);
/// The last name that a needle of `key` can have.
[[nodiscard]] std::string last_remote_name(NeedleKey key);
/// The needle of that name in the remote `volume`; nothing when it is not the name of one.
[[nodiscard]] std::optional<FileId> parse_remote_name(VolumeId volume, std::string_view name);

/// A body, cut into frames as it comes.
class RemoteFrames {
 public:
  /// Of all `body_bytes` of the needle.
  RemoteFrames(const FileId& fid, std::uint64_t body_bytes);
  /// The next bytes; no more than body_bytes in all.
  void append(ByteSpan bytes);
  /// All that came, when it is the whole body.
  [[nodiscard]] std::string take() { return std::move(stored_); }

 private:
  void seal();

  const FileId fid_;
  const std::uint64_t body_bytes_;
  std::string stored_;
  std::uint64_t received_ = 0;
  std::size_t frame_at_ = 0;  ///< Where the open frame begins.
};

/// Bytes of an object.
struct RemoteRange {
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
};
/// The frames that have bytes [offset, offset + bytes) of a body.
[[nodiscard]] RemoteRange remote_range(std::uint64_t offset, std::uint64_t bytes);

/// A stretch of a body.
struct RemoteStretch {
  std::uint64_t offset = 0;      ///< In the body.
  std::uint64_t body_bytes = 0;  ///< Of the whole body.
  std::string bytes;
};
/// What the frames from `offset` (RemoteRange::offset) on hold: of this very needle, at this very
/// place, each verified. kCorruption for anything else, kUnimplemented for a newer format.
[[nodiscard]] Result<RemoteStretch> open_remote_frames(const FileId& fid, std::uint64_t offset,
                                                       std::string_view stored);

}  // namespace kelp
