#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "async/awaitable.h"
#include "base/bytes.h"
#include "base/ids.h"
#include "os/pinned_pages.h"
#include "wire/fid.h"
#include "wire/open_needle.h"

namespace kelp {

/// A needle being written. Dying before finish() abandons it: its bytes become garbage that vacuum
/// takes back.
class NeedleUpload {
 public:
  virtual ~NeedleUpload() = default;
  /// The next bytes of the body; the sum must come to body_bytes. `bytes` must live until this
  /// returns. Pieces of 256 KiB are the natural size.
  virtual Task<Result<void>> append(ByteSpan bytes) = 0;
  /// append() of bytes that the caller is done with: an upload that sends them on needs no copy.
  virtual Task<Result<void>> append_taking(std::string bytes);
  /// append() for those who are on a worker thread already; blocks for the disk. False when this
  /// upload cannot: then nothing was taken.
  virtual Result<bool> append_here(ByteSpan /*bytes*/) { return false; }
  /// Durable on every copy when this returns (durability "os": in the page cache).
  virtual Task<Result<void>> finish() = 0;
  /// After finish() failed: the body, when it was kept so that it can be written to another volume;
  /// else empty.
  virtual std::string take_body() { return {}; }
};

/// Volume servers as their users see them: in process in `kelp server`, over rpc in a cluster. Safe
/// from any io thread.
class VolumeClient {
 public:
  virtual ~VolumeClient() = default;
  /// kPermissionDenied for a token that does not cover the fid, kConflict for another generation,
  /// kNoSpace, kUnavailable for a volume that is read-only.
  virtual Task<Result<std::unique_ptr<NeedleUpload>>> open(OpenNeedle request) = 0;
  /// Bytes [offset, offset + buffer.size()) of a needle's body into `buffer`, verified against the
  /// stored checksums before this returns. kNotFound (also for a wrong cookie), kCorruption,
  /// kInvalidArgument past the end.
  virtual Task<Result<void>> read(FileId fid, std::uint64_t offset, MutableByteSpan buffer) = 0;
  /// Bytes of a shard into `buffer`, verified before this returns. As read(); kConflict when the
  /// needle there is not that shard; kUnimplemented of whoever is no volume server.
  virtual Task<Result<void>> read_shard(ShardRead request, MutableByteSpan buffer);
  /// The same bytes as pages of this machine's page cache, verified as well, to be sent without a
  /// copy; of more than PinnedPages::kUsualBytes perhaps only so many. Never waits. Empty when that
  /// cannot be done at once - another machine's needle, not in memory, not whole 64 KiB blocks,
  /// damaged: then read() them.
  [[nodiscard]] virtual PinnedPages try_pin(FileId /*fid*/, std::uint64_t /*offset*/,
                                            std::size_t /*bytes*/) {
    return {};
  }
  /// Writes tombstones, durable when this returns. Needles that are not there count as removed.
  virtual Task<Result<void>> remove(std::vector<FileId> fids) = 0;
};

}  // namespace kelp
