#pragma once

#include <string>

#include "async/awaitable.h"
#include "base/bytes.h"
#include "s3gw/s3_error.h"

namespace kelp::s3 {

/// Where a body goes, piece by piece.
class ByteSink {
 public:
  virtual ~ByteSink() = default;
  /// `bytes` live until this returns.
  virtual Task<S3Result<void>> append(ByteSpan bytes) = 0;
  /// Makes it likely that append_here() can take the next piece.
  virtual Task<S3Result<void>> make_room() { co_return S3Result<void>{}; }
  /// For those who are on a worker already, while nobody else uses the sink: appends what it can
  /// without an io thread, and returns how many bytes that were. May block for the disk.
  virtual S3Result<std::size_t> append_here(ByteSpan /*bytes*/) { return std::size_t{0}; }
};

/// Where bytes go that are only to be hashed.
class NoSink final : public ByteSink {
 public:
  Task<S3Result<void>> append(ByteSpan /*bytes*/) override { co_return S3Result<void>{}; }
};

/// Collects in memory; the caller bounds what it appends.
class StringSink final : public ByteSink {
 public:
  Task<S3Result<void>> append(ByteSpan bytes) override {
    data.append(as_text(bytes));
    co_return S3Result<void>{};
  }
  std::string data;
};

}  // namespace kelp::s3
