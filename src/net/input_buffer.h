#pragma once

#include <algorithm>
#include <cstring>
#include <memory>
#include <string_view>

#include "base/assert.h"
#include "base/bytes.h"

namespace kelp {

/// Received bytes of a connection that were not consumed yet, in one allocation of fixed size.
/// Views stay valid until compact().
class InputBuffer {
 public:
  explicit InputBuffer(std::size_t capacity)
      : bytes_(std::make_unique_for_overwrite<std::byte[]>(capacity)), capacity_(capacity) {}

  [[nodiscard]] std::string_view view() const {
    return as_text(ByteSpan(bytes_.get() + begin_, end_ - begin_));
  }
  [[nodiscard]] bool empty() const { return begin_ == end_; }
  [[nodiscard]] std::size_t size() const { return end_ - begin_; }
  /// Where the next bytes may be received.
  [[nodiscard]] MutableByteSpan room() { return {bytes_.get() + end_, capacity_ - end_}; }
  /// `count` bytes were received into room().
  void received(std::size_t count) {
    KELP_ASSERT(count <= capacity_ - end_, "more bytes received than there was room for");
    end_ += count;
  }
  /// Takes `count` bytes off the front.
  void consume(std::size_t count) {
    KELP_ASSERT(count <= size(), "more bytes consumed than there are");
    begin_ += count;
  }
  /// Moves bytes from the front into `into`; returns how many.
  std::size_t take(MutableByteSpan into) {
    const std::size_t count = std::min(into.size(), size());
    std::memcpy(into.data(), bytes_.get() + begin_, count);
    begin_ += count;
    return count;
  }
  /// Moves what is there to the start. Invalidates views.
  void compact() {
    if (begin_ == 0) return;
    std::memmove(bytes_.get(), bytes_.get() + begin_, size());
    end_ -= begin_;
    begin_ = 0;
  }
  /// Lets an empty buffer be filled from `offset` again, which is at or before its end: what lies
  /// before `offset` stays valid.
  void rewind(std::size_t offset) {
    KELP_ASSERT(empty() && offset <= begin_, "rewind of a buffer that is in use");
    begin_ = end_ = offset;
  }
  /// Where the first byte lies.
  [[nodiscard]] std::size_t offset() const { return begin_; }

 private:
  std::unique_ptr<std::byte[]> bytes_;
  std::size_t capacity_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace kelp
