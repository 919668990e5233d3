#pragma once

#include "os/file_io.h"
#include "volume/core/needle_format.h"
#include "volume/core/needle_index.h"

namespace kelp {

/// What a scan of a log saw.
struct LogScan {
  std::uint64_t end = 0;      ///< Where the log may go on; may lie behind the file's end.
  std::uint64_t needles = 0;  ///< Whole ones.
  std::uint64_t tombstones = 0;
  std::uint64_t unfinished = 0;     ///< Headers whose trailer does not check: never acknowledged.
  std::uint64_t skipped_bytes = 0;  ///< Bytes that belong to no needle.
};

/// Replays the log [from, file_bytes) on top of `index`, in its order (store/log_walk.h).
/// Of two live needles with one key the first stands.
///
/// `from`   a multiple of 8 at which a needle may begin.
/// Errors   what the file answers (kIo): then nothing may be concluded; kUnimplemented for a needle
///          of a newer format; those of the index (kCorruption). Blocks.
[[nodiscard]] Result<LogScan> scan_log(File& file, const NeedleSeed& seed, std::uint64_t from,
                                       std::uint64_t file_bytes, NeedleIndex& index);

}  // namespace kelp
