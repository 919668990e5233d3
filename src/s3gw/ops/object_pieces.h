#pragma once

#include <cstdint>
#include <optional>

#include "s3gw/call.h"
#include "s3gw/core/range.h"
#include "s3gw/encryption.h"
#include "s3gw/ops/sealed_reader.h"

namespace kelp::s3 {

/// Reads a stretch of an object piece by piece as a GET would send it: verified by its volumes,
/// decrypted where it is encrypted.
class ObjectPieces {
 public:
  /// `call`, `object` and `key` must outlive it; `range` lies inside the object.
  ObjectPieces(Call& call, const FoundObject& object, const BodyKey& key, ByteRange range);
  /// The next bytes, valid until the next call; empty at the end.
  /// Errors  those of the reads, which are logged; SlowDown.
  [[nodiscard]] Task<S3Result<ByteSpan>> next();

 private:
  Call& call_;
  std::optional<SealedReader> sealed_;
  std::optional<StoredReader> stored_;
  std::uint64_t offset_;
  std::uint64_t left_;
  BufferPool::Buffer buffer_;
};

}  // namespace kelp::s3
