#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <array>
#include <string>

#include "os/pinned_pages.h"

namespace kelp::test {

/// Whether File::try_pin lends what lies in `directory`.
inline bool can_lend(const std::string& directory) {
  struct statfs system{};
  EXPECT_EQ(::statfs(directory.c_str(), &system), 0);
  return system.f_type == EXT4_SUPER_MAGIC || system.f_type == XFS_SUPER_MAGIC;
}

/// While it lives, all of the file that is at `path` now is in memory: else the kernel takes clean
/// pages back whenever it likes. Without the right to lock so much, it does nothing.
class StaysInMemory {
 public:
  explicit StaysInMemory(const std::string& path) {
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    struct stat status{};
    EXPECT_EQ(::fstat(file, &status), 0) << path;
    bytes_ = static_cast<std::size_t>(status.st_size);
    at_ = ::mmap(nullptr, bytes_, PROT_READ, MAP_SHARED, file, 0);
    EXPECT_NE(at_, MAP_FAILED) << path;
    (void)::mlock(at_, bytes_);
    ::close(file);
  }
  ~StaysInMemory() { ::munmap(at_, bytes_); }
  StaysInMemory(const StaysInMemory&) = delete;
  StaysInMemory& operator=(const StaysInMemory&) = delete;

 private:
  std::size_t bytes_ = 0;
  void* at_ = nullptr;
};

/// Takes the bytes out of `pages`.
inline std::string drain(PinnedPages pages) {
  std::string bytes;
  int ends[2];
  EXPECT_EQ(::pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
  std::array<char, 65536> some;
  while (!pages.empty() && pages.send_to(ends[1], false) > 0) {
    for (ssize_t got = 1; got > 0;) {
      got = ::read(ends[0], some.data(), some.size());
      if (got > 0) bytes.append(some.data(), static_cast<std::size_t>(got));
    }
  }
  EXPECT_TRUE(pages.empty());
  ::close(ends[0]);
  ::close(ends[1]);
  return bytes;
}

}  // namespace kelp::test
