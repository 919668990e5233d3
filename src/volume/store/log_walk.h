#pragma once

#include <optional>
#include <string>
#include <vector>

#include "os/file_io.h"
#include "volume/core/needle_format.h"

namespace kelp {

/// What lies at a place of a log: a needle whose header checks, or bytes that belong to none.
struct LogStep {
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;             ///< Up to the next step; may reach past the file's end.
  std::optional<NeedleHeader> header;  ///< Nothing: no needle begins in these bytes.
  std::string back_pointer;            ///< Shorter than the header says when the file ends in it.
  /// Header, back pointer and block checksums are as they were written. Else the needle was never
  /// finished, or is damaged.
  bool trailer_matches = false;
};

/// Goes over a log from needle to needle without reading bodies. Bytes that are no needle are
/// stepped over, 8 at a time, to the next header that checks: its checksum knows the volume and the
/// place, so nothing that a client wrote can be taken for one. Blocks.
class LogWalk {
 public:
  /// `from`        a multiple of 8 at which a needle may begin.
  /// `file_bytes`  where the walk ends. `file` must outlive it.
  LogWalk(File& file, const NeedleSeed& seed, std::uint64_t from, std::uint64_t file_bytes)
      : file_(file), seed_(seed), at_(from), file_bytes_(file_bytes) {}

  /// The next step; nothing at the end of the log. Errors: what the file answers (kIo): then
  /// nothing may be concluded; kUnimplemented for a needle of a newer format.
  [[nodiscard]] Result<std::optional<LogStep>> next();
  /// Where the next step begins; at the end, where the log may go on: may lie behind the file's.
  [[nodiscard]] std::uint64_t at() const { return at_; }

 private:
  [[nodiscard]] Result<ByteSpan> window(std::uint64_t offset, std::size_t wanted);
  [[nodiscard]] Result<void> load(std::uint64_t offset, std::size_t wanted);
  [[nodiscard]] Result<LogStep> gap();

  File& file_;
  const NeedleSeed seed_;
  std::uint64_t at_;
  const std::uint64_t file_bytes_;
  // A stretch of the file in memory that moves with the walk.
  std::uint64_t window_begin_ = 0;
  std::vector<char> window_;
};

}  // namespace kelp
