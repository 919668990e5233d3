#pragma once

#define FUSE_USE_VERSION 312
#include <fuse3/fuse.h>
#include <fuse3/fuse_lowlevel.h>

#include "mount/file_system.h"

namespace kelp::mount {

/// What libfuse's calls find as their private data.
struct FuseWorld {
  FileSystem& files;
  uid_t uid = 0;
  gid_t gid = 0;
  mode_t umask = 0;
};

/// The calls that the kernel makes, as libfuse wants them: each takes an answer of FileSystem and
/// turns it into a number. Threads of libfuse run them.
[[nodiscard]] fuse_operations fuse_calls();

}  // namespace kelp::mount
