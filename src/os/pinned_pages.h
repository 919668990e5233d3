#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace kelp {

class PipePool;

/// Bytes of a file on their way to a socket without a copy: pages of the page cache that a pipe
/// holds. While it holds them the kernel neither evicts nor moves them, and no File changes them
/// (docs/adr/0003-zero-copy-reads.md). Empty when made by default or moved from. One thread.
class PinnedPages {
 public:
  /// The most that one holds.
  static constexpr std::size_t kMaxBytes = 1024 * 1024;
  /// The most where the OS gives us small pipes only (processes without privileges).
  static constexpr std::size_t kUsualBytes = kMaxBytes / 2;

  PinnedPages() = default;
  PinnedPages(PinnedPages&& other) noexcept { swap(other); }
  PinnedPages& operator=(PinnedPages&& other) noexcept {
    PinnedPages(std::move(other)).swap(*this);
    return *this;
  }
  /// Lets go of what was not sent.
  ~PinnedPages();

  /// Bytes held and not yet sent.
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  /// Moves what fits into `socket`, which must be non-blocking: the number of bytes, or -1 with
  /// errno as send(2). `more` says that other bytes follow at once. A peer that is gone raises
  /// SIGPIPE where the process does not ignore it.
  [[nodiscard]] ssize_t send_to(int socket, bool more);

 private:
  friend class PipePool;
  void swap(PinnedPages& other) noexcept {
    std::swap(pool_, other.pool_);
    std::swap(ends_, other.ends_);
    std::swap(size_, other.size_);
  }

  std::shared_ptr<PipePool> pool_;
  std::pair<int, int> ends_{-1, -1};  ///< To read from, to write to.
  std::size_t size_ = 0;
};

/// The pipes of PinnedPages, kept for the next ones. Thread-safe (a leaf mutex).
class PipePool : public std::enable_shared_from_this<PipePool> {
 public:
  /// At most `limit` pipes are out at once, so that peers that do not read hold at most
  /// limit x PinnedPages::kMaxBytes of the page cache.
  explicit PipePool(std::size_t limit);
  ~PipePool();
  PipePool(const PipePool&) = delete;
  PipePool& operator=(const PipePool&) = delete;

  /// The most that pin() takes.
  [[nodiscard]] std::size_t most_bytes() const { return most_bytes_; }
  /// Pages of [offset, offset + bytes) of `file`. Waits for the disk when they are not in the page
  /// cache. Empty when all pipes are out, the OS gives none, or the file ends before.
  [[nodiscard]] PinnedPages pin(int file, std::uint64_t offset, std::size_t bytes);

 private:
  friend class PinnedPages;
  using Ends = std::pair<int, int>;
  static bool make(Ends& ends, std::size_t bytes);
  bool take(Ends& ends);
  void give_back(Ends ends, bool drained);

  const std::size_t limit_;
  std::size_t most_bytes_;
  std::mutex mutex_;
  std::size_t out_ = 0;
  std::vector<Ends> idle_;
};

}  // namespace kelp
