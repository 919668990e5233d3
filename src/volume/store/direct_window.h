#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "os/file_io.h"

namespace kelp {

/// A stretch of a file in memory that moves forward, read from the disk and not from the page cache
/// where the OS can do that: what is looked for may have rotted under pages that are in memory.
class DirectWindow {
 public:
  static constexpr std::size_t kBytes = 1 << 20;
  /// Longest piece that at() gives.
  static constexpr std::size_t kMostBytes = kBytes - kDirectAlignment;

  /// kNotFound, kIo.
  [[nodiscard]] static Result<DirectWindow> open(FileIo& io, const std::string& path);
  /// `bytes` bytes from `offset` on, or fewer at the end of the file; until the next call. Reads
  /// only these when the disk does not give what lies around them.
  Result<ByteSpan> at(std::uint64_t offset, std::size_t bytes);
  /// Reads from the disk again even what is here.
  void forget() { filled_ = 0; }

 private:
  struct Free {
    void operator()(std::byte* bytes) const;
  };
  explicit DirectWindow(std::unique_ptr<File> file);
  Result<void> load(std::uint64_t begin, std::size_t bytes);

  std::unique_ptr<File> file_;
  std::unique_ptr<std::byte[], Free> buffer_;
  std::uint64_t begin_ = 0;
  std::size_t filled_ = 0;
};

}  // namespace kelp
