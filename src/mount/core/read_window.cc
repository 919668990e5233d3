#include "mount/core/read_window.h"

#include <algorithm>

namespace kelp::mount {
namespace {

constexpr std::uint64_t kFirstBytes = 512 << 10;

}  // namespace

std::uint64_t ReadWindow::fetch_bytes(std::uint64_t offset, std::uint64_t wanted,
                                      std::uint64_t end) {
  if (offset >= end) return 0;
  if (offset == next_) {
    window_ = std::min(std::max(window_ * 2, kFirstBytes), limit_);
  } else {
    window_ = 0;
  }
  return std::min(std::max(window_, wanted), end - offset);
}

}  // namespace kelp::mount
