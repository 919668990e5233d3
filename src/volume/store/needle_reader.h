#pragma once

#include <array>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "client/volume_replicas.h"
#include "os/file_io.h"
#include "volume/core/needle_format.h"
#include "volume/core/volume_index.h"
#include "wire/fid.h"
#include "wire/packed_place.h"

namespace kelp {

/// Whether a read may wait for the disk.
enum class ReadMode : std::uint8_t {
  kCachedOnly,  ///< Give up at once when the page cache does not have it.
  kMayWait
};

/// Reads needles of one volume's file and checks every byte that it hands out. Thread-safe.
///
/// Each call returns false when `mode` is kCachedOnly and the disk would have to be waited for.
/// kCorruption means that the bytes at `place` are not the intact needle: it was damaged, or
/// removed meanwhile (the caller knows).
class NeedleReader {
 public:
  NeedleReader(std::shared_ptr<File> file, NeedleSeed seed);

  /// Which shard is asked for, of a body that goes on to `body_end` at least.
  struct Shard {
    EcScheme scheme;
    std::uint8_t number = 0;
    std::uint64_t body_end = 0;
  };
  struct Range {
    std::uint64_t offset = 0;  ///< In the body.
    MutableByteSpan buffer;    ///< Filled; its size is the range's.
    /// Nothing: a whole needle is asked for. A shard is zeros past its end.
    std::optional<Shard> shard = std::nullopt;
  };
  /// Bytes of a body, verified. kNotFound for another cookie, kInvalidArgument past the end,
  /// kConflict for a shard when a whole needle is asked for, or another shard.
  Result<bool> read(const NeedlePlace& place, const FileId& fid, Range range, ReadMode mode);
  /// Whole checksum blocks of a body, verified, to be sent without a copy. Empty when that cannot
  /// be done at once, or they do not match: read() tells which.
  [[nodiscard]] PinnedPages try_pin(const NeedlePlace& place, const FileId& fid,
                                    std::uint64_t offset, std::size_t bytes);
  /// A needle that lies in an extent, as its stub says it (volume/core/packing.h).
  struct Stub {
    NeedleHeader header;
    PackedPlace place;
  };
  /// Verified; nothing when the disk would have to be waited for. kConflict for a needle that is no
  /// stub.
  Result<std::optional<Stub>> read_stub(const IndexEntry& entry, ReadMode mode);
  /// Reads only the header.
  Result<bool> read_header(const NeedlePlace& place, ReadMode mode, NeedleHeader& header);
  /// As VolumeReplicas::read_part. Nothing instead of false.
  Result<std::optional<NeedlePart>> read_part(const IndexEntry& entry, std::uint64_t offset,
                                              std::size_t bytes, ReadMode mode);
  /// Reads and checks the whole needle.
  Result<void> verify(const IndexEntry& entry);

 private:
  /// What has to be known of a needle to read parts of its body; verified.
  struct Meta : NeedleFrame {
    std::uint64_t body_offset = 0;  ///< In the file.
  };
  using MetaPtr = std::shared_ptr<const Meta>;
  struct Slot {
    std::uint64_t offset = 0;
    MetaPtr meta;
  };

  Result<bool> read_small(const NeedlePlace& place, const FileId& fid, Range range, ReadMode mode);
  Result<bool> read_blocks(const Meta& meta, Range range, ReadMode mode);
  Result<bool> read_part_of_block(const Meta& meta, Range range, ReadMode mode);
  Result<MetaPtr> meta_of(const NeedlePlace& place, ReadMode mode);
  Result<MetaPtr> load_meta(const NeedlePlace& place, ReadMode mode);
  Result<bool> fetch(std::uint64_t offset, MutableByteSpan buffer, ReadMode mode);

  const std::shared_ptr<File> file_;
  const NeedleSeed seed_;
  std::mutex cache_mutex_;
  std::array<Slot, 16> cache_;  ///< Of large needles read last: their pieces are asked for in turn.
  std::size_t next_slot_ = 0;
};

}  // namespace kelp
