#pragma once

#include <memory>
#include <optional>
#include <string>

#include "os/file_io.h"

namespace kelp::server {

/// An S3 key pair.
struct KeyPair {
  std::string access_key;
  std::string secret_key;
};

/// What a directory says of the cluster it belongs to.
struct ClusterIdentity {
  std::string cluster_id;      ///< UUID text.
  std::string cluster_secret;  ///< Signs what the daemons show each other. Never logged.
  KeyPair admin;
};

/// Where the rooms keep their files below the directory.
[[nodiscard]] inline std::string master_dir(const std::string& dir) {
  return dir + "/master";
}
/// See above.
[[nodiscard]] inline std::string volume_dir(const std::string& dir) {
  return dir + "/volume";
}
/// See above.
[[nodiscard]] inline std::string filer_dir(const std::string& dir) {
  return dir + "/filer";
}

/// A data directory (docs/formats/data-dir.md) that this process owns until the object dies.
struct DataDir {
  std::unique_ptr<DirLock> lock;
  ClusterIdentity identity;
  bool first_start = false;  ///< The identity was made just now.
};

/// Locks `dir`, and reads its identity or, when it is empty and `may_create`, makes one.
///
/// `given`  the administrator's keys from the environment: used instead of the stored ones, and
///          stored at the first start.
/// Errors   kUnavailable: another process has it, with who; kUnimplemented: a newer format, naming
///          both; kPrecondition: data without the file `cluster`; kNotFound: nothing there and not
///          `may_create`; kCorruption: a file that does not read; kIo.
[[nodiscard]] Result<DataDir> open_data_dir(FileIo& io, const std::string& dir,
                                            const std::optional<KeyPair>& given, bool may_create);

/// What a cluster's daemons share: the file that `kelp cluster init` made, with the credentials
/// beside it. Errors as open_data_dir().
[[nodiscard]] Result<ClusterIdentity> read_cluster_file(FileIo& io, const std::string& path,
                                                        const std::optional<KeyPair>& given);

/// Locks `dir` for a daemon of the cluster `identity`; an empty one becomes the cluster's.
/// kPermissionDenied when it is another cluster's, naming both; else as open_data_dir().
[[nodiscard]] Result<DataDir> join_data_dir(FileIo& io, const std::string& dir,
                                            const ClusterIdentity& identity);

/// A secret of the operator's: the file's content without the line's end, or, when `path` is empty,
/// what the environment's `variable` says; empty: that is not set.
[[nodiscard]] Result<std::string> read_secret(FileIo& io, const std::string& path,
                                              const char* variable);

}  // namespace kelp::server
