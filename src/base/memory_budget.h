#pragma once

#include <atomic>
#include <cstddef>
#include <optional>
#include <utility>

namespace kelp {

/// A limit of the memory that many hold at once: who cannot have a share does without. Thread-safe;
/// never blocks.
class MemoryBudget {
 public:
  /// Bytes that its destructor gives back. Movable; must die before the budget.
  class Share {
   public:
    Share() = default;
    Share(Share&& other) noexcept
        : budget_(std::exchange(other.budget_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
    Share& operator=(Share&& other) noexcept {
      std::swap(budget_, other.budget_);
      std::swap(bytes_, other.bytes_);
      return *this;
    }
    ~Share() {
      if (budget_ != nullptr) budget_->out_bytes_.fetch_sub(bytes_, std::memory_order_relaxed);
    }
    /// So many bytes more; false, and nothing changes, when they are not to be had.
    [[nodiscard]] bool grow(std::size_t bytes) {
      if (budget_ == nullptr) return true;
      if (!budget_->add(bytes)) return false;
      bytes_ += bytes;
      return true;
    }
    [[nodiscard]] std::size_t bytes() const { return bytes_; }

   private:
    friend class MemoryBudget;
    Share(MemoryBudget* budget, std::size_t bytes) : budget_(budget), bytes_(bytes) {}
    MemoryBudget* budget_ = nullptr;
    std::size_t bytes_ = 0;
  };

  /// At most `limit_bytes` are out at once.
  explicit MemoryBudget(std::size_t limit_bytes) : limit_bytes_(limit_bytes) {}

  /// Nothing when the budget is spent.
  [[nodiscard]] std::optional<Share> take(std::size_t bytes) {
    if (!add(bytes)) return std::nullopt;
    return Share(this, bytes);
  }
  /// take() of a budget that may be missing: then of anything.
  [[nodiscard]] static std::optional<Share> take_of(MemoryBudget* budget, std::size_t bytes) {
    return budget == nullptr ? Share() : budget->take(bytes);
  }

  [[nodiscard]] std::size_t out_bytes() const { return out_bytes_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::size_t limit_bytes() const { return limit_bytes_; }

 private:
  bool add(std::size_t bytes) {
    std::size_t out = out_bytes_.load(std::memory_order_relaxed);
    do {
      if (bytes > limit_bytes_ - out) return false;
    } while (!out_bytes_.compare_exchange_weak(out, out + bytes, std::memory_order_relaxed));
    return true;
  }

  const std::size_t limit_bytes_;
  std::atomic<std::size_t> out_bytes_{0};
};

}  // namespace kelp
