#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <string>

#include "kelp/result.h"
#include "mount/core/signing.h"

namespace kelp::mount {

/// A mount: what, where and how.
struct MountOptions {
  std::string source;     ///< "BUCKET" or "BUCKET/PREFIX".
  std::string directory;  ///< Where it appears.
  std::string endpoint = "http://127.0.0.1:8333";
  SigningKeys keys;
  std::chrono::nanoseconds timeout = std::chrono::seconds(30);  ///< Of a call of S3.
  std::uint64_t read_ahead_bytes = 8 << 20;
  std::string temporary_dir = "/var/tmp";
  std::uint64_t temporary_bytes = 10ULL << 30;  ///< What files being written may take there.
  uid_t uid = 0;
  gid_t gid = 0;
  mode_t umask = 022;
  bool read_only = false;
  bool allow_other = false;  ///< Other users than the one who mounts see it.
};

/// Mounts, and serves until it is unmounted or the process gets SIGTERM, SIGINT or SIGHUP: then it
/// unmounts, ends what is under way and returns within a second or two. Once in a process.
/// Errors  kInvalidArgument, kNotFound: no such bucket; kPermissionDenied, kUnavailable: the
///         gateway; kIo: libfuse, which says on stderr why.
Result<void> run_mount(const MountOptions& options);

}  // namespace kelp::mount
