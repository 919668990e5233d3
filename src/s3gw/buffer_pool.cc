#include "s3gw/buffer_pool.h"

#include <algorithm>

namespace kelp::s3 {

std::optional<BufferPool::Buffer> BufferPool::take(std::size_t bytes) {
  auto room = reserve(bytes);
  if (!room) return std::nullopt;
  {
    const std::scoped_lock lock(mutex_);
    const auto idle = std::ranges::find(idle_, bytes, &Idle::size);
    if (idle != idle_.end()) {
      room->bytes_ = std::move(idle->bytes);
      *idle = std::move(idle_.back());
      idle_.pop_back();
      return room;
    }
  }
  room->bytes_ = std::make_unique_for_overwrite<std::byte[]>(bytes);
  return room;
}

std::optional<BufferPool::Buffer> BufferPool::reserve(std::size_t bytes) {
  auto share = budget_.take(bytes);
  if (!share) return std::nullopt;
  return Buffer(this, *std::move(share));
}

void BufferPool::give_back(std::unique_ptr<std::byte[]> bytes, std::size_t size) {
  const std::scoped_lock lock(mutex_);
  if (idle_.size() < idle_limit_) idle_.push_back({std::move(bytes), size});
}

}  // namespace kelp::s3
