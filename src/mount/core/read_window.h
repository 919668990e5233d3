#pragma once

#include <cstdint>

namespace kelp::mount {

/// How much to fetch for a reader: as much as it asked for, or, of one that reads on where it
/// stopped, twice as much as the time before.
class ReadWindow {
 public:
  /// `limit_bytes`  of what is fetched at once beyond what was asked; 0: nothing.
  explicit ReadWindow(std::uint64_t limit_bytes) : limit_(limit_bytes) {}

  /// What to fetch from `offset` on for a read of `wanted` bytes there that what was fetched before
  /// does not answer. Never past `end`, never nothing while there is something.
  [[nodiscard]] std::uint64_t fetch_bytes(std::uint64_t offset, std::uint64_t wanted,
                                          std::uint64_t end);
  /// A read was answered up to `offset`.
  void answered(std::uint64_t offset) { next_ = offset; }

 private:
  std::uint64_t limit_;
  std::uint64_t next_ = 0;  ///< Where a sequential reader goes on.
  std::uint64_t window_ = 0;
};

}  // namespace kelp::mount
