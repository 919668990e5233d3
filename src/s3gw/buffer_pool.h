#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/memory_budget.h"

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
      if (bytes_ != nullptr) pool_->give_back(std::move(bytes_), share_.bytes());
    }
    /// Empty for a reservation.
    [[nodiscard]] MutableByteSpan span() {
      return {bytes_.get(), bytes_ == nullptr ? std::size_t{0} : share_.bytes()};
    }

   private:
    friend class BufferPool;
    Buffer(BufferPool* pool, MemoryBudget::Share share) : pool_(pool), share_(std::move(share)) {}
    void swap(Buffer& other) noexcept {
      std::swap(pool_, other.pool_);
      std::swap(bytes_, other.bytes_);
      std::swap(share_, other.share_);
    }
    BufferPool* pool_ = nullptr;
    std::unique_ptr<std::byte[]> bytes_;
    MemoryBudget::Share share_;
  };

  /// At most `limit_bytes` are out at once; at most `idle_limit` unused buffers are kept.
  BufferPool(std::size_t limit_bytes, std::size_t idle_limit)
      : budget_(limit_bytes), idle_limit_(idle_limit) {}

  /// A buffer of `bytes`, not initialised; nothing when the budget is spent.
  [[nodiscard]] std::optional<Buffer> take(std::size_t bytes);
  /// Room for memory that the caller allocates; nothing when the budget is spent.
  [[nodiscard]] std::optional<Buffer> reserve(std::size_t bytes);
  /// What is out.
  [[nodiscard]] std::size_t out_bytes() const { return budget_.out_bytes(); }

 private:
  struct Idle {
    std::unique_ptr<std::byte[]> bytes;
    std::size_t size;
  };
  void give_back(std::unique_ptr<std::byte[]> bytes, std::size_t size);

  MemoryBudget budget_;
  const std::size_t idle_limit_;
  std::mutex mutex_;
  std::vector<Idle> idle_;
};

}  // namespace kelp::s3
