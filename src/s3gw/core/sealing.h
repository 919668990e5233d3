#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "crypto/aead.h"
#include "s3gw/core/range.h"
#include "wire/sealed.h"

namespace kelp::s3 {

// Encrypted bodies (docs/formats/sealed-body.md): frames of 64 KiB, each with its own tag, so that
// a range costs the frames that it touches, and none of them can be cut, moved or exchanged.

/// What is sealed as one: a part, or the whole body of an object without parts.
struct SealedBody {
  std::uint32_t part_number = 1;
  std::uint64_t plain_bytes = 0;
};
/// Random, another one for each body: no two are sealed with the same key.
using Salt = std::array<std::byte, kFrameSaltBytes>;

/// Seals one body, as it arrives.
class BodySealer {
 public:
  BodySealer(const SecretKey& object_key, SealedBody body, const Salt& salt);

  /// No more bytes than this come of the next `plain_bytes`.
  [[nodiscard]] static constexpr std::size_t room(std::size_t plain_bytes) {
    return plain_bytes + kFrameSaltBytes + kFrameTagBytes * (plain_bytes / kFramePlainBytes + 2);
  }
  /// Seals the next bytes, no more than left(), into `out`, which has room() for them and does not
  /// touch them. Returns how many bytes that made.
  std::size_t seal(ByteSpan plain, MutableByteSpan out);
  /// Bytes of the body that have not come yet.
  [[nodiscard]] std::uint64_t left() const { return left_; }
  /// The body is of `plain_bytes` after all, more than what came; until now only frames were sealed
  /// that are not the last one either way.
  void settle(std::uint64_t plain_bytes);

 private:
  AesGcm cipher_;
  SealedBody body_;
  const Salt salt_;
  std::uint64_t left_;
  std::uint64_t frame_ = 0;          ///< The next one, or the one that is open.
  std::uint64_t left_in_frame_ = 0;  ///< Not 0: a frame is open.
};

/// Of a body of at least `plain_bytes`: the bytes of the frames that are not the last one.
[[nodiscard]] std::uint64_t bytes_before_last(std::uint64_t plain_bytes);

/// The whole of a body at once.
[[nodiscard]] std::string seal_body(const SecretKey& object_key, std::uint32_t part_number,
                                    const Salt& salt, std::string_view plain);

/// Opens frames of one body, in any order.
class BodyOpener {
 public:
  BodyOpener(const SecretKey& object_key, SealedBody body,
             std::span<const std::byte, kFrameSaltBytes> salt);
  /// Decrypts the frame of this index in place; of the first one `frame` begins with the salt.
  /// Returns where in it the plain bytes are; nothing when it is not what was sealed there.
  [[nodiscard]] std::optional<MutableByteSpan> open(std::uint64_t index, MutableByteSpan frame);

 private:
  AesGcm cipher_;
  const SealedBody body_;
};

/// Frames of one body that a range touches.
struct SealedStretch {
  SealedBody body;
  std::uint64_t offset = 0;  ///< Of the body's first sealed byte among those of the object.
  std::uint64_t first_frame = 0;
  std::uint64_t frames = 0;
  std::uint64_t skip_bytes = 0;   ///< Of the first frame's plain bytes.
  std::uint64_t plain_bytes = 0;  ///< Of the range.

  /// Where its frames begin and how long they are, among the sealed bytes of the object.
  [[nodiscard]] ByteRange stored() const;
  /// The length of a frame of the body.
  [[nodiscard]] std::uint64_t frame_bytes(std::uint64_t index) const;
};

/// Cuts a range of an encrypted object's plain bytes by its bodies, in order.
class SealedCursor {
 public:
  /// `entry` must outlive it and the range lie inside the object.
  SealedCursor(const ObjectEntry& entry, ByteRange range);
  [[nodiscard]] std::optional<SealedStretch> next();

 private:
  [[nodiscard]] std::optional<SealedBody> body() const;
  const ObjectEntry& entry_;
  std::size_t index_ = 0;         ///< Of the body that comes next.
  std::uint64_t stored_at_ = 0;   ///< Its offset among the sealed bytes;
  std::uint64_t skip_bytes_ = 0;  ///< and from where on it is wanted.
  std::uint64_t left_bytes_ = 0;
};

}  // namespace kelp::s3
