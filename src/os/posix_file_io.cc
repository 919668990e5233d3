#include "os/posix_file_io.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/core.h>
#include <linux/falloc.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <system_error>

#include "os/mapped_windows.h"
#include "os/system_clock.h"

namespace kelp {
namespace {

/// The error of the system call that just failed, from errno.
Error system_error(std::string_view what, const std::string& path) {
  const int number = errno;
  Errc code = Errc::kIo;
  if (number == ENOENT) code = Errc::kNotFound;
  if (number == EEXIST) code = Errc::kAlreadyExists;
  if (number == ENOSPC || number == EDQUOT) code = Errc::kNoSpace;
  if (number == EMFILE || number == ENFILE) code = Errc::kResourceExhausted;
  return {code, fmt::format("{} {}: {}", what, path, std::generic_category().message(number))};
}

/// A file descriptor, closed once.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool valid() const { return fd_ >= 0; }

 private:
  int fd_;
};

Descriptor open_retrying(const std::string& path, int flags) {
  int fd = -1;
  do {
    fd = ::open(path.c_str(), flags | O_CLOEXEC, 0600);
  } while (fd < 0 && errno == EINTR);
  return Descriptor(fd);
}

/// What lends pages of the page cache, shared by the files.
struct Lending {
  static constexpr std::size_t kPipes = 128;
  std::shared_ptr<PipePool> pipes = std::make_shared<PipePool>(kPipes);
  MappedWindows windows;
};

constexpr std::size_t kPageBytes = 4096;
/// Smaller stretches are cheaper to copy, and holes of them need no care.
constexpr std::size_t kMinPinBytes = 64 * 1024;

/// Whether a mapping of the file shows the very pages that splice(2) takes of it, and writing
/// around the page cache takes them out of it. Others (FUSE, ZFS, DAX) splice copies.
bool splices_page_cache(int fd) {
  struct statfs system{};
  struct statx file{};
  if (::fstatfs(fd, &system) != 0) return false;
  if (system.f_type != EXT4_SUPER_MAGIC && system.f_type != XFS_SUPER_MAGIC) return false;
  if (::statx(fd, "", AT_EMPTY_PATH, 0, &file) != 0) return false;
  return (file.stx_attributes & STATX_ATTR_DAX) == 0;
}

class PosixFile final : public File {
 public:
  PosixFile(Descriptor fd, std::string path, bool direct, std::shared_ptr<Lending> lending)
      : fd_(std::move(fd)),
        path_(std::move(path)),
        direct_(direct),
        lending_(std::move(lending)),
        lends_(!direct_ && splices_page_cache(fd_.get())) {}
  ~PosixFile() override { lending_->windows.forget(this); }

  Result<std::size_t> read_at(std::uint64_t offset, MutableByteSpan buffer) override {
    std::size_t done = 0;
    while (done < buffer.size()) {
      const ssize_t got = ::pread(fd_.get(), buffer.data() + done, buffer.size() - done,
                                  static_cast<off_t>(offset + done));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return system_error("read", path_);
      if (got == 0) break;
      done += static_cast<std::size_t>(got);
      // The end of the file; from there on nothing is aligned.
      if (direct_ && done % kDirectAlignment != 0) break;
    }
    return done;
  }

  Result<bool> try_read_at(std::uint64_t offset, MutableByteSpan buffer) override {
    if (!nowait_works_.load(std::memory_order_relaxed)) return false;
    iovec piece{buffer.data(), buffer.size()};
    const ssize_t got = ::preadv2(fd_.get(), &piece, 1, static_cast<off_t>(offset), RWF_NOWAIT);
    if (got >= 0) return static_cast<std::size_t>(got) == buffer.size();
    // Some file systems know no RWF_NOWAIT: from then on every read takes the way that may wait.
    if (errno == EOPNOTSUPP || errno == ENOSYS || errno == EINVAL) nowait_works_ = false;
    return false;  // a real error will show again in read_at
  }

  PinnedPages try_pin(std::uint64_t offset, std::size_t bytes, const Check& check) override {
    bytes = std::min(bytes, lending_->pipes->most_bytes());
    if (!lends_ || bytes < kMinPinBytes) return {};
    const std::uint64_t holes = holes_begun_;
    if (holes_open_ != 0) return {};
    const auto window = lending_->windows.at(this, fd_.get(), offset);
    if (window == nullptr || !window->resident(offset, bytes)) return {};
    // First hold, then look: a page that is held is the one that the mapping shows until a hole
    // takes it out of the page cache.
    PinnedPages pages = lending_->pipes->pin(fd_.get(), offset, bytes);
    if (pages.empty() || !window->look_at(offset, bytes, check)) return {};
    if (holes_begun_ != holes) return {};
    return pages;
  }

  Result<void> write_at(std::uint64_t offset, std::span<const ByteSpan> pieces) override {
    constexpr std::size_t kMaxPieces = 64;
    std::array<iovec, kMaxPieces> vector{};
    while (!pieces.empty()) {
      const std::size_t count = std::min(pieces.size(), kMaxPieces);
      for (std::size_t i = 0; i < count; ++i) {
        vector[i] = {const_cast<std::byte*>(pieces[i].data()), pieces[i].size()};
      }
      KELP_CHECK(write_all(offset, std::span(vector).first(count)));
      for (const ByteSpan piece : pieces.first(count)) offset += piece.size();
      pieces = pieces.subspan(count);
    }
    return {};
  }

  Result<void> sync() override {
    // Not repeated on EINTR either: after a failed fdatasync nothing is known.
    if (::fdatasync(fd_.get()) != 0) return system_error("sync", path_);
    return {};
  }

  Result<std::uint64_t> size() override {
    struct stat status{};
    if (::fstat(fd_.get(), &status) != 0) return system_error("stat", path_);
    return static_cast<std::uint64_t>(status.st_size);
  }

  Result<std::uint64_t> allocated_bytes() override {
    struct stat status{};
    if (::fstat(fd_.get(), &status) != 0) return system_error("stat", path_);
    return static_cast<std::uint64_t>(status.st_blocks) * 512;
  }

  Result<void> truncate(std::uint64_t size) override {
    while (::ftruncate(fd_.get(), static_cast<off_t>(size)) != 0) {
      if (errno != EINTR) return system_error("truncate", path_);
    }
    return {};
  }

  [[nodiscard]] bool is_direct() const override { return direct_; }

  void begin_writing(std::uint64_t offset, std::uint64_t bytes) override {
    (void)::sync_file_range(fd_.get(), static_cast<off_t>(offset), static_cast<off_t>(bytes),
                            SYNC_FILE_RANGE_WRITE);
  }

  void drop_pages() override { (void)::posix_fadvise(fd_.get(), 0, 0, POSIX_FADV_DONTNEED); }

  Result<void> punch_hole(std::uint64_t offset, std::uint64_t length) override {
    const std::uint64_t begin = (offset + kPageBytes - 1) / kPageBytes * kPageBytes;
    const std::uint64_t end = (offset + length) / kPageBytes * kPageBytes;
    if (begin >= end) return {};
    ++holes_open_;
    ++holes_begun_;  // after holes_open_: try_pin() goes the other way round
    // Whoever lent: sockets send on after the process that filled them was replaced.
    const bool may_be_lent = lends_ && length + 2 * kPageBytes >= kMinPinBytes;
    Result<void> done;
    if (!may_be_lent || take_out_edges(begin, end)) done = punch(begin, end - begin);
    --holes_open_;
    return done;
  }

 private:
  Result<void> punch(std::uint64_t offset, std::uint64_t length) {
    while (::fallocate(fd_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                       static_cast<off_t>(offset), static_cast<off_t>(length)) != 0) {
      if (errno == EOPNOTSUPP || errno == ENOSYS) return {};
      if (errno != EINTR) return system_error("punch a hole into", path_);
    }
    return {};
  }

  /// A hole drops whole folios (runs of pages) from the page cache, but zeroes a part of one in
  /// place, under whoever holds it. Writing around the page cache takes a folio out of it
  /// unchanged; that is done to the first and the last page of the hole, with the bytes they have.
  /// Nobody writes to those pages: all of them is what is given up.
  /// False when they may still be there.
  bool take_out_edges(std::uint64_t begin, std::uint64_t end) {
    const Descriptor direct =
        open_retrying(fmt::format("/proc/self/fd/{}", fd_.get()), O_RDWR | O_DIRECT);
    alignas(kPageBytes) std::array<std::byte, kPageBytes> page;
    for (const std::uint64_t edge : {begin, end - kPageBytes}) {
      const auto at = static_cast<off_t>(edge);
      if (::pread(fd_.get(), page.data(), page.size(), at) != kPageBytes) return false;
      if (::pwrite(direct.get(), page.data(), page.size(), at) != kPageBytes) return false;
      // mincore() looks and no more: a read that may not wait would still begin to read it back.
      const auto window = lending_->windows.at(this, fd_.get(), edge);
      if (window == nullptr || window->resident(edge, kPageBytes)) return false;
    }
    return true;
  }

  /// Writes all of `vector` at `offset`, carrying on after short writes; eats the vector.
  Result<void> write_all(std::uint64_t offset, std::span<iovec> vector) {
    while (!vector.empty()) {
      const ssize_t put = ::pwritev(fd_.get(), vector.data(), static_cast<int>(vector.size()),
                                    static_cast<off_t>(offset));
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) return system_error("write", path_);
      offset += static_cast<std::uint64_t>(put);
      auto left = static_cast<std::size_t>(put);
      while (!vector.empty() && left >= vector.front().iov_len) {
        left -= vector.front().iov_len;
        vector = vector.subspan(1);
      }
      if (vector.empty()) break;
      if (put == 0) return Error(Errc::kIo, fmt::format("write {}: nothing was taken", path_));
      vector.front().iov_base = static_cast<std::byte*>(vector.front().iov_base) + left;
      vector.front().iov_len -= left;
    }
    return {};
  }

  const Descriptor fd_;
  const std::string path_;
  const bool direct_;
  const std::shared_ptr<Lending> lending_;
  const bool lends_;
  std::atomic<bool> nowait_works_ = true;
  std::atomic<std::uint64_t> holes_begun_ = 0;
  std::atomic<int> holes_open_ = 0;
};

class PosixDirLock final : public DirLock {
 public:
  explicit PosixDirLock(Descriptor fd) : fd_(std::move(fd)) {}

 private:
  const Descriptor fd_;  // the kernel drops the flock when it is closed, also after a crash
};

std::string parent_of(const std::string& path) {
  const auto slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

/// Who we are, for the process that finds the directory taken.
std::string owner_record() {
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) host[0] = '?';
  const auto now = std::chrono::floor<std::chrono::seconds>(SystemClock().wall());
  return fmt::format("pid {} host {} since {:%Y-%m-%dT%H:%M:%SZ}\n", ::getpid(), host.data(),
                     fmt::gmtime(std::chrono::system_clock::to_time_t(now)));
}

class PosixFileIo final : public FileIo {
 public:
  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override {
    int flags = O_RDWR;
    if (mode == OpenMode::kRead) flags = O_RDONLY;
    if (mode == OpenMode::kReadDirect) flags = O_RDONLY | O_DIRECT;
    if (mode == OpenMode::kCreate) flags = O_RDWR | O_CREAT;
    if (mode == OpenMode::kCreateExclusive) flags = O_RDWR | O_CREAT | O_EXCL;
    Descriptor fd = open_retrying(path, flags);
    // Some file systems have no way around the page cache.
    bool direct = mode == OpenMode::kReadDirect;
    if (!fd.valid() && errno == EINVAL) {
      fd = open_retrying(path, flags & ~O_DIRECT);
      direct = false;
    }
    if (!fd.valid()) return system_error("open", path);
    return std::make_unique<PosixFile>(std::move(fd), path, direct, lending_);
  }

  Result<std::vector<std::string>> list(const std::string& dir) override {
    DIR* stream = ::opendir(dir.c_str());
    if (stream == nullptr) return system_error("list", dir);
    std::vector<std::string> names;
    errno = 0;
    while (const dirent* row = ::readdir(stream)) {
      const std::string_view name = row->d_name;
      if (name != "." && name != "..") names.emplace_back(name);
      errno = 0;
    }
    if (errno != 0) {
      Error error = system_error("list", dir);
      ::closedir(stream);
      return error;
    }
    ::closedir(stream);
    std::ranges::sort(names);
    return names;
  }

  Result<void> make_dirs(const std::string& dir) override {
    struct stat status{};
    if (::stat(dir.c_str(), &status) == 0) {
      if (S_ISDIR(status.st_mode)) return {};
      return Error(Errc::kIo, fmt::format("{} is not a directory", dir));
    }
    if (errno != ENOENT) return system_error("stat", dir);
    const std::string parent = parent_of(dir);
    if (parent != dir) {
      KELP_CHECK(make_dirs(parent));
    }
    if (::mkdir(dir.c_str(), 0700) != 0 && errno != EEXIST) return system_error("make", dir);
    return sync_dir(parent);
  }

  Result<void> rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) return system_error("rename", from);
    return {};
  }

  Result<void> remove(const std::string& path) override {
    if (::unlink(path.c_str()) != 0) return system_error("remove", path);
    return {};
  }

  Result<bool> exists(const std::string& path) override {
    struct stat status{};
    if (::stat(path.c_str(), &status) == 0) return true;
    if (errno == ENOENT || errno == ENOTDIR) return false;
    return system_error("stat", path);
  }

  Result<void> sync_dir(const std::string& dir) override {
    const Descriptor fd = open_retrying(dir, O_RDONLY | O_DIRECTORY);
    if (!fd.valid()) return system_error("open", dir);
    if (::fsync(fd.get()) != 0) return system_error("sync", dir);
    return {};
  }

  Result<std::unique_ptr<DirLock>> lock_dir(const std::string& dir) override {
    const std::string path = dir + "/LOCK";
    Descriptor fd = open_retrying(path, O_RDWR | O_CREAT);
    if (!fd.valid()) return system_error("open", path);
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK) return system_error("lock", path);
      std::array<char, 512> record{};
      const ssize_t got = ::pread(fd.get(), record.data(), record.size(), 0);
      std::string_view owner(record.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
      owner = owner.substr(0, owner.find('\n'));
      return Error(Errc::kUnavailable, fmt::format("directory {} is in use by another process: {}",
                                                   dir, owner.empty() ? "no record" : owner));
    }
    const std::string record = owner_record();
    if (::ftruncate(fd.get(), 0) != 0 || ::pwrite(fd.get(), record.data(), record.size(), 0) !=
                                             static_cast<ssize_t>(record.size())) {
      return system_error("write", path);
    }
    return std::make_unique<PosixDirLock>(std::move(fd));
  }

  Result<DiskSpace> space(const std::string& dir) override {
    struct statvfs status{};
    if (::statvfs(dir.c_str(), &status) != 0) return system_error("statvfs", dir);
    return DiskSpace{.total_bytes = status.f_blocks * status.f_frsize,
                     .free_bytes = status.f_bavail * status.f_frsize};
  }

 private:
  const std::shared_ptr<Lending> lending_ = std::make_shared<Lending>();
};

}  // namespace

std::unique_ptr<FileIo> make_posix_file_io() {
  return std::make_unique<PosixFileIo>();
}

}  // namespace kelp
