#pragma once

#include <string>

#include "filer/fsck.h"
#include "os/file_io.h"

namespace kelp::server {

/// Runs fsck on a stopped server's directory, under its lock. Changes nothing but what opening the
/// stores replays. Errors: those of open_data_dir and of the stores.
[[nodiscard]] Result<FsckReport> fsck_directory(FileIo& io, const std::string& dir,
                                                FsckOptions options = {});

}  // namespace kelp::server
