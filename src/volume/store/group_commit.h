#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "async/awaitable.h"
#include "async/work_pool.h"
#include "os/file_io.h"
#include "volume/probe.h"
#include "volume/store/disk_pulse.h"

namespace kelp {

/// Bytes for one place of a log.
struct LogWrite {
  std::uint64_t offset = 0;
  ByteSpan bytes;
};

/// Makes writes to one file durable, many with one sync. The first who comes leads: on a pool
/// thread it writes what has gathered, in the file's order and in as few calls as can be, syncs
/// once and answers all; meanwhile the next group gathers.
///
/// A write or sync that fails (but kNoSpace of a write) ends it: the error goes to `failed` once,
/// nothing is tried again, and all later commits get kUnavailable. Thread-safe.
class GroupCommit : public std::enable_shared_from_this<GroupCommit> {
 public:
  struct Options {
    bool sync = true;  ///< False: durability "os"; answer when the page cache has it.
    std::function<void(const Error&)> failed;
    DiskPulse* pulse = nullptr;  ///< Told how long each write took.
  };
  GroupCommit(std::shared_ptr<File> file, WorkPool& pool, VolumeProbe& probe, Options options);

  /// Durable when this returns, together with all that was written to the file before the call.
  /// `write.bytes` must live until then. kNoSpace, kIo, kUnavailable; kResourceExhausted when the
  /// pool is full, then nothing was written.
  Task<Result<void>> commit(LogWrite write);
  /// Marks the file as failed, for an error seen elsewhere. Safe to call again.
  void fail(const Error& error);

 private:
  struct Waiting {
    LogWrite write;
    std::function<void(Result<void>)> done;
  };

  void enqueue(Waiting waiting);
  void lead();
  Result<void> store(std::vector<Waiting>& group);
  Result<void> write_all(std::vector<Waiting>& group);
  [[nodiscard]] std::optional<Error> failure();

  const std::shared_ptr<File> file_;
  WorkPool& pool_;
  VolumeProbe& probe_;
  const Options options_;
  std::mutex mutex_;
  std::vector<Waiting> gathered_;
  bool leading_ = false;
  std::optional<Error> failure_;
};

}  // namespace kelp
