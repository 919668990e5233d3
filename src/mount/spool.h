#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "mount/core/outcome.h"
#include "os/file_io.h"

namespace kelp::mount {

/// Where contents wait that are being written, and how much of the disk they may take together.
struct SpoolRoom {
  FileIo& io;
  std::string dir;
  std::uint64_t limit_bytes = 0;
  std::atomic<std::uint64_t> used_bytes = 0;
  std::atomic<std::uint64_t> names = 0;  ///< Files made so far.
};

/// Contents of a file, in a temporary file that has no name: it goes with the process. Used under
/// its owner's lock.
class Spool {
 public:
  /// An empty one. EIO.
  static Outcome<std::unique_ptr<Spool>> make(SpoolRoom& room);
  ~Spool();
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  [[nodiscard]] std::uint64_t size() const { return size_; }
  /// How much of its front was dropped.
  [[nodiscard]] std::uint64_t dropped() const { return dropped_; }

  /// ENOSPC when the room or the disk does not have that much.
  Outcome<void> write(std::uint64_t offset, ByteSpan bytes);
  Outcome<void> truncate(std::uint64_t size);
  /// Reads what there is at `offset`; less only at the end. EIO in what was dropped.
  Outcome<std::size_t> read(std::uint64_t offset, MutableByteSpan buffer);
  /// Gives the room of the front up to `end` back; it cannot be read any more.
  void drop_front(std::uint64_t end);

 private:
  Spool(SpoolRoom& room, std::unique_ptr<File> file) : room_(room), file_(std::move(file)) {}
  /// Takes room for a size of `size`, or gives it back.
  Outcome<void> take_room(std::uint64_t size);

  SpoolRoom& room_;
  std::unique_ptr<File> file_;
  std::uint64_t size_ = 0;
  std::uint64_t dropped_ = 0;
};

}  // namespace kelp::mount
