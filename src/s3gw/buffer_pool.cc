#include "s3gw/buffer_pool.h"

namespace kelp::s3 {

std::optional<BufferPool::Buffer> BufferPool::take() {
  std::unique_ptr<std::byte[]> bytes;
  {
    const std::scoped_lock lock(mutex_);
    if (out_ == buffer_limit_) return std::nullopt;
    ++out_;
    if (!idle_.empty()) {
      bytes = std::move(idle_.back());
      idle_.pop_back();
    }
  }
  if (bytes == nullptr) bytes = std::make_unique_for_overwrite<std::byte[]>(kBufferBytes);
  return Buffer(this, std::move(bytes));
}

std::size_t BufferPool::out() const {
  const std::scoped_lock lock(mutex_);
  return out_;
}

void BufferPool::give_back(std::unique_ptr<std::byte[]> bytes) {
  const std::scoped_lock lock(mutex_);
  --out_;
  if (idle_.size() < idle_limit_) idle_.push_back(std::move(bytes));
}

}  // namespace kelp::s3
