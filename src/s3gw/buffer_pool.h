#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "base/bytes.h"

namespace kelp::s3 {

/// Bodies in flight hold buffers of this pool and nothing else that grows with them: its limit is
/// the gateway's memory budget. Thread-safe (a leaf mutex).
class BufferPool {
 public:
  static constexpr std::size_t kBufferBytes = 256 * 1024;

  /// One buffer of kBufferBytes, given back by the destructor. Movable; must die before its pool.
  class Buffer {
   public:
    Buffer() = default;
    Buffer(Buffer&& other) noexcept
        : pool_(std::exchange(other.pool_, nullptr)), bytes_(std::move(other.bytes_)) {}
    Buffer& operator=(Buffer&& other) noexcept {
      std::swap(pool_, other.pool_);
      std::swap(bytes_, other.bytes_);
      return *this;
    }
    ~Buffer() {
      if (pool_ != nullptr) pool_->give_back(std::move(bytes_));
    }
    [[nodiscard]] MutableByteSpan span() { return {bytes_.get(), kBufferBytes}; }

   private:
    friend class BufferPool;
    Buffer(BufferPool* pool, std::unique_ptr<std::byte[]> bytes)
        : pool_(pool), bytes_(std::move(bytes)) {}
    BufferPool* pool_ = nullptr;
    std::unique_ptr<std::byte[]> bytes_;
  };

  /// At most `buffer_limit` buffers are out at once; `idle_limit` unused ones are kept.
  BufferPool(std::size_t buffer_limit, std::size_t idle_limit)
      : buffer_limit_(buffer_limit), idle_limit_(idle_limit) {}

  /// Nothing when all are out.
  [[nodiscard]] std::optional<Buffer> take();
  [[nodiscard]] std::size_t out() const;

 private:
  void give_back(std::unique_ptr<std::byte[]> bytes);

  const std::size_t buffer_limit_;
  const std::size_t idle_limit_;
  mutable std::mutex mutex_;
  std::size_t out_ = 0;
  std::vector<std::unique_ptr<std::byte[]>> idle_;
};

}  // namespace kelp::s3
