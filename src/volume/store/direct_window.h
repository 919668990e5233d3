#pragma once

#include <cstdint>
#include <memory>
#include <optional>
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

  /// Of a file that was opened with OpenMode::kReadDirect.
  explicit DirectWindow(std::shared_ptr<File> file);
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
  Result<void> load(std::uint64_t begin, std::size_t bytes);

  std::shared_ptr<File> file_;
  std::unique_ptr<std::byte[], Free> buffer_;
  std::uint64_t begin_ = 0;
  std::size_t filled_ = 0;
};

/// A log that a job reads on and on, past the page cache if it may: what clients read often stays
/// there. What was written behind a place that it has read may not be seen by it: ask the log.
class LogStream {
 public:
  /// `direct`: the same file for reads past the page cache; null: `log` is read.
  LogStream(std::shared_ptr<File> log, std::shared_ptr<File> direct);
  /// As File::read_at.
  Result<std::size_t> read_at(std::uint64_t offset, MutableByteSpan buffer);
  /// Whether the page cache is passed by.
  [[nodiscard]] bool is_direct() const { return window_.has_value(); }

 private:
  std::shared_ptr<File> log_;
  std::optional<DirectWindow> window_;
};

}  // namespace kelp
