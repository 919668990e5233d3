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
