#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "base/bytes.h"

namespace kelp::s3 {

/// The memory of bodies on their way. Whatever grows with a body is taken from here, so that its
/// limit is the gateway's memory budget. Thread-safe (a leaf mutex).
class BufferPool {
 public:
  /// The piece in which objects are read, and small streams written.
  static constexpr std::size_t kPieceBytes = 256 * 1024;

  /// Memory that is given back by the destructor. Movable; must die before its pool.
  class Buffer {
   public:
    Buffer() = default;
    Buffer(Buffer&& other) noexcept { swap(other); }
    Buffer& operator=(Buffer&& other) noexcept {
      swap(other);
      return *this;
    }
    ~Buffer() {
      if (pool_ != nullptr) pool_->give_back(std::move(bytes_), size_);
    }
    /// Empty for a reservation.
    [[nodiscard]] MutableByteSpan span() {
      return {bytes_.get(), bytes_ == nullptr ? std::size_t{0} : size_};
    }

   private:
    friend class BufferPool;
    Buffer(BufferPool* pool, std::unique_ptr<std::byte[]> bytes, std::size_t size)
        : pool_(pool), bytes_(std::move(bytes)), size_(size) {}
    void swap(Buffer& other) noexcept {
      std::swap(pool_, other.pool_);
      std::swap(bytes_, other.bytes_);
      std::swap(size_, other.size_);
    }
    BufferPool* pool_ = nullptr;
    std::unique_ptr<std::byte[]> bytes_;
    std::size_t size_ = 0;
  };

  /// At most `limit_bytes` are out at once; at most `idle_limit` unused buffers are kept.
  BufferPool(std::size_t limit_bytes, std::size_t idle_limit)
      : limit_bytes_(limit_bytes), idle_limit_(idle_limit) {}

  /// A buffer of `bytes`, not initialised; nothing when the budget is spent.
  [[nodiscard]] std::optional<Buffer> take(std::size_t bytes);
  /// Room for memory that the caller allocates; nothing when the budget is spent.
  [[nodiscard]] std::optional<Buffer> reserve(std::size_t bytes);
  /// What is out.
  [[nodiscard]] std::size_t out_bytes() const;

 private:
  struct Idle {
    std::unique_ptr<std::byte[]> bytes;
    std::size_t size;
  };
  void give_back(std::unique_ptr<std::byte[]> bytes, std::size_t size);

  const std::size_t limit_bytes_;
  const std::size_t idle_limit_;
  mutable std::mutex mutex_;
  std::size_t out_bytes_ = 0;
  std::vector<Idle> idle_;
};

}  // namespace kelp::s3
