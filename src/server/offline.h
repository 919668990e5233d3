#pragma once

#include <optional>
#include <string>
#include <vector>

#include "filer/fsck.h"
#include "os/file_io.h"
#include "server/data_dir.h"

namespace kelp::server {

/// Runs fsck on a stopped server's directory, under its lock. Changes nothing but what opening the
/// stores replays. Errors: those of open_data_dir and of the stores.
[[nodiscard]] Result<FsckReport> fsck_directory(FileIo& io, const std::string& dir,
                                                FsckOptions options = {});

/// A folder of volumes, of a stopped server or somewhere.
struct VolumesFolder {
  std::string directory;
  std::vector<std::string> logs;  ///< Paths, ascending.
  std::optional<DataDir> data;    ///< Whose folder it is, locked; nothing when it is nobody's.
};
/// The volumes at `path`: a server's data directory, a folder of volumes, or one volume's log.
/// kUnavailable while a process has the directory; those of open_data_dir().
[[nodiscard]] Result<VolumesFolder> lock_volumes(FileIo& io, const std::string& path);

}  // namespace kelp::server
