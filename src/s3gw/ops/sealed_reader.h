#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "s3gw/call.h"
#include "s3gw/core/pieces.h"
#include "s3gw/core/sealing.h"
#include "s3gw/encryption.h"

namespace kelp::s3 {

/// Reads bytes of an object as they lie, in order, inline or in needles.
class StoredReader {
 public:
  /// `call` and `object` must outlive it; `range` is of the stored bytes.
  StoredReader(Call& call, const FoundObject& object, ByteRange range);
  /// Fills `buffer` with the next bytes, verified by their volumes.
  [[nodiscard]] Task<S3Result<void>> read(MutableByteSpan buffer);

 private:
  Task<S3Result<Piece>> next();

  Call& call_;
  const FoundObject& object_;
  PieceCursor cursor_;
  Piece rest_;                   ///< Of the piece that was begun.
  std::uint64_t inline_at_ = 0;  ///< The next byte of an inline body.
};

/// Reads a stretch of an encrypted object, decrypted. Not a byte comes out of a frame that is not
/// what was written.
class SealedReader {
 public:
  /// `call`, `object` and `key` must outlive it; `range` lies inside the object.
  SealedReader(Call& call, const FoundObject& object, const BodyKey& key, ByteRange range);
  /// The next bytes, valid until the next call; empty at the end.
  /// Errors  those of the reads; SlowDown; InternalError, after it was logged, for a frame that
  ///         does not open.
  [[nodiscard]] Task<S3Result<ByteSpan>> next();

 private:
  Task<S3Result<bool>> open_stretch();
  Task<S3Result<void>> read_frames();
  S3Error damaged(std::uint64_t frame) const;

  Call& call_;
  const FoundObject& object_;
  const BodyKey& key_;
  SealedCursor cursor_;
  std::optional<SealedStretch> stretch_;  ///< What is left of it.
  std::optional<BodyOpener> opener_;
  std::optional<StoredReader> stored_;
  BufferPool::Buffer buffer_;
  MutableByteSpan ready_;  ///< In buffer_: plain bytes that next() has not given out.
};

}  // namespace kelp::s3
