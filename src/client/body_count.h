#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>

#include "kelp/result.h"

namespace kelp {

/// How much of an upload's body came: no more than was announced, and all of it before it is
/// finished. Errors are kInvalidArgument. One thread.
class BodyCount {
 public:
  explicit BodyCount(std::uint64_t expected) : expected_(expected) {}

  /// So many bytes more; the upload is over when they are too many.
  [[nodiscard]] Result<void> take(std::size_t bytes) {
    if (closed_) return Error(Errc::kInvalidArgument, "the upload is over");
    if (bytes > left()) {
      closed_ = true;
      return Error(Errc::kInvalidArgument,
                   fmt::format("more than the {} bytes that were announced", expected_));
    }
    received_ += bytes;
    return {};
  }
  /// No more bytes will be taken; an Error unless all are there.
  [[nodiscard]] Result<void> close() {
    if (closed_) return Error(Errc::kInvalidArgument, "the upload is over");
    closed_ = true;
    if (left() == 0) return {};
    return Error(Errc::kInvalidArgument,
                 fmt::format("{} of {} announced bytes came", received_, expected_));
  }
  /// Something failed: nothing is taken any more.
  void stop() { closed_ = true; }
  /// Bytes that have not come yet.
  [[nodiscard]] std::uint64_t left() const { return expected_ - received_; }

 private:
  const std::uint64_t expected_;
  std::uint64_t received_ = 0;
  bool closed_ = false;
};

}  // namespace kelp
