#include "os/pinned_pages.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace kelp {
namespace {

constexpr std::size_t kIdlePipes = 32;

void close_both(std::pair<int, int> ends) {
  ::close(ends.first);
  ::close(ends.second);
}

}  // namespace

PinnedPages::~PinnedPages() {
  if (pool_ != nullptr) pool_->give_back(ends_, size_ == 0);
}

ssize_t PinnedPages::send_to(int socket, bool more) {
  const unsigned flags = SPLICE_F_NONBLOCK | (more ? SPLICE_F_MORE : 0U);
  const ssize_t moved = ::splice(ends_.first, nullptr, socket, nullptr, size_, flags);
  if (moved > 0) size_ -= static_cast<std::size_t>(moved);
  return moved;
}

PipePool::PipePool(std::size_t limit) : limit_(limit), most_bytes_(PinnedPages::kMaxBytes) {
  Ends ends;
  if (make(ends, most_bytes_)) {
    idle_.push_back(ends);
  } else {
    most_bytes_ = PinnedPages::kUsualBytes;
  }
}

PipePool::~PipePool() {
  for (const Ends ends : idle_) close_both(ends);
}

PinnedPages PipePool::pin(int file, std::uint64_t offset, std::size_t bytes) {
  PinnedPages pages;
  if (bytes > most_bytes_ || !take(pages.ends_)) return {};
  pages.pool_ = shared_from_this();
  auto at = static_cast<loff_t>(offset);
  while (pages.size_ < bytes) {
    const ssize_t got =
        ::splice(file, &at, pages.ends_.second, nullptr, bytes - pages.size_, SPLICE_F_NONBLOCK);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return {};
    pages.size_ += static_cast<std::size_t>(got);
  }
  return pages;
}

/// A pipe that holds `bytes`. It has a slot for each page, a power of two of them; unaligned bytes
/// need one page more.
bool PipePool::make(Ends& ends, std::size_t bytes) {
  int made[2];
  if (::pipe2(made, O_NONBLOCK | O_CLOEXEC) != 0) return false;
  ends = {made[0], made[1]};
  const int room = 2 * static_cast<int>(bytes);
  if (::fcntl(made[1], F_SETPIPE_SZ, room) >= room) return true;
  close_both(ends);
  return false;
}

bool PipePool::take(Ends& ends) {
  {
    const std::lock_guard lock(mutex_);
    if (out_ == limit_) return false;
    ++out_;
    if (!idle_.empty()) {
      ends = idle_.back();
      idle_.pop_back();
      return true;
    }
  }
  if (make(ends, most_bytes_)) return true;
  const std::lock_guard lock(mutex_);
  --out_;
  return false;
}

void PipePool::give_back(Ends ends, bool drained) {
  {
    const std::lock_guard lock(mutex_);
    --out_;
    if (drained && idle_.size() < kIdlePipes) {
      idle_.push_back(ends);
      return;
    }
  }
  close_both(ends);
}

}  // namespace kelp
