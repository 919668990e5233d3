#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "kelp/result.h"
#include "os/pinned_pages.h"

namespace kelp {

/// How FileIo::open opens.
enum class OpenMode : std::uint8_t {
  kRead,        ///< Must exist.
  kReadDirect,  ///< Must exist. Reads see the disk, not the page cache, where the OS can do that;
                ///< offsets, sizes and buffers are multiples of kDirectAlignment.
  kReadWrite,   ///< Must exist.
  kCreate,      ///< Read and write; made when missing.
  kCreateExclusive  ///< Read and write; kAlreadyExists when there.
};

/// Of reads of a file that was opened with OpenMode::kReadDirect.
inline constexpr std::size_t kDirectAlignment = 4096;

/// One open file; closed by the destructor. All calls may block except try_…. Thread-safe as the OS
/// is: positioned calls do not share a cursor. Errors: kIo, kNoSpace, with the file's name and
/// the OS's words.
class File {
 public:
  virtual ~File() = default;
  /// Reads up to buffer.size() bytes at `offset`; short only at the end of the file. Returns the
  /// number read.
  virtual Result<std::size_t> read_at(std::uint64_t offset, MutableByteSpan buffer) = 0;
  /// Reads buffer.size() bytes only if that needs no wait for the disk; false when it would, or
  /// past the end.
  virtual Result<bool> try_read_at(std::uint64_t offset, MutableByteSpan buffer) = 0;
  /// Says whether bytes may be lent. Must only read and hold nothing that needs a destructor.
  using Check = std::function<bool(ByteSpan)>;
  /// [offset, offset + bytes) for a socket, without a copy, after `check` saw them and said yes:
  /// exactly what it saw will be sent, whatever happens to the file meanwhile. Of more than
  /// PinnedPages::kUsualBytes perhaps only so many. Empty when `check` said no, and whenever this
  /// cannot be done at once: pages that the disk would have to be waited for, very few bytes, a
  /// hole being made, a file that is no file of this machine. Read instead.
  [[nodiscard]] virtual PinnedPages try_pin(std::uint64_t /*offset*/, std::size_t /*bytes*/,
                                            const Check& /*check*/) {
    return {};
  }
  /// Writes all of `pieces`, one after the other, at `offset`. On an error any part may have been
  /// written.
  virtual Result<void> write_at(std::uint64_t offset, std::span<const ByteSpan> pieces) = 0;
  /// Begins to write [offset, offset + bytes) to the disk, as far as it is not there, and does not
  /// wait for its end: so what sync() finds is little, and memory is not full of what cannot be
  /// given back. Says nothing about stable storage.
  virtual void begin_writing(std::uint64_t /*offset*/, std::uint64_t /*bytes*/) {}
  /// Data and what is needed to read it back are on stable storage when this returns. After an
  /// error nothing about the file may be assumed, and calling again proves nothing (the kernel
  /// forgets): retire the file.
  virtual Result<void> sync() = 0;
  [[nodiscard]] virtual Result<std::uint64_t> size() = 0;
  /// Room that it takes on the disk: holes do not count.
  [[nodiscard]] virtual Result<std::uint64_t> allocated_bytes() { return size(); }
  virtual Result<void> truncate(std::uint64_t size) = 0;
  /// Whether reads go past the page cache: asked for with kReadDirect, and the OS can.
  [[nodiscard]] virtual bool is_direct() const { return false; }
  /// Begins to write what is not on the disk yet and takes what is there out of the page cache, as
  /// far as that goes without a wait. Says nothing about stable storage.
  virtual void drop_pages() {}
  /// Gives the room of [offset, offset + length), or of the whole pages in it, back; it reads as
  /// zeros. Nobody may write there meanwhile. Does nothing where the OS cannot, or cannot without
  /// changing bytes that try_pin() lent.
  virtual Result<void> punch_hole(std::uint64_t offset, std::uint64_t length) = 0;
};

/// Held while a process owns a directory; released by the destructor or the process's end.
class DirLock {
 public:
  virtual ~DirLock() = default;
};

/// Room of the file system that a path lies on.
/// Room of the file system that holds a directory.
struct DiskSpace {
  std::uint64_t total_bytes = 0;
  std::uint64_t free_bytes = 0;  ///< Available to us, reserved blocks not counted.
};

/// The one seam to files; the process has PosixFileIo, tests the disk twin
/// (tests/support/sim_disk.h). Thread-safe.
class FileIo {
 public:
  virtual ~FileIo() = default;
  virtual Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) = 0;
  /// Names (not paths) in `dir`, sorted, without "." and "..".
  virtual Result<std::vector<std::string>> list(const std::string& dir) = 0;
  /// Makes `dir` and its missing parents, and syncs the parents.
  virtual Result<void> make_dirs(const std::string& dir) = 0;
  /// Atomic; not durable before sync_dir of the parent.
  virtual Result<void> rename(const std::string& from, const std::string& to) = 0;
  virtual Result<void> remove(const std::string& path) = 0;
  virtual Result<bool> exists(const std::string& path) = 0;
  /// Makes creations, renames and removals in `dir` durable.
  virtual Result<void> sync_dir(const std::string& dir) = 0;
  /// Locks `dir` for this process (flock on `dir`/LOCK with an owner record). kUnavailable with the
  /// owner's record when another process holds it.
  virtual Result<std::unique_ptr<DirLock>> lock_dir(const std::string& dir) = 0;
  virtual Result<DiskSpace> space(const std::string& dir) = 0;
};

/// Makes `path` so that after a crash the file is the old one or the new one, whole: temporary
/// file, which `write` fills, sync, rename, sync of the folder. The file has mode 0600.
[[nodiscard]] Result<void> replace_file(FileIo& io, const std::string& path,
                                        const std::function<Result<void>(File&)>& write);
/// The same with `content`.
[[nodiscard]] Result<void> write_file_atomically(FileIo& io, const std::string& path,
                                                 std::string_view content);
/// The whole file; kNotFound when missing, kInvalidArgument past `limit_bytes`.
[[nodiscard]] Result<std::string> read_whole_file(FileIo& io, const std::string& path,
                                                  std::uint64_t limit_bytes);

}  // namespace kelp
