#pragma once

#include "os/file_io.h"

namespace kelp {

/// FileIo on the real file system. Files are made with mode 0600, directories with 0700.
[[nodiscard]] std::unique_ptr<FileIo> make_posix_file_io();

}  // namespace kelp
