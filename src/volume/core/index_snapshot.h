#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "kelp/result.h"
#include "volume/core/volume_index.h"

namespace kelp {

inline constexpr std::uint32_t kIndexSnapshotVersion = 2;
/// Of the header and of each block of rows.
inline constexpr std::size_t kIndexBlockBytes = 4096;
inline constexpr std::size_t kIndexBlockRows = 340;

/// Which file a snapshot is of and how far it reaches (docs/formats/index.md).
struct IndexSnapshotHeader {
  VolumeId volume;
  Generation generation;
  std::array<std::byte, 16> salt{};  ///< The volume's, so that no other file can be meant.
  /// The state at this offset of the log, or later: what lies behind it is to be replayed on top.
  std::uint64_t covered_bytes = 0;
  // What the writer fills in:
  std::uint64_t needles = 0;
  std::uint64_t live_bytes = 0;  ///< Sum of NeedlePlace::bytes.
  std::uint64_t log_bytes = 0;   ///< Where the last needle of the log ends; 0 without needles.
  std::uint64_t last_key = 0;    ///< The largest; 0 without needles.
  std::uint64_t blocks = 0;
  friend bool operator==(const IndexSnapshotHeader&, const IndexSnapshotHeader&) = default;

  /// Of the whole snapshot.
  [[nodiscard]] std::uint64_t file_bytes() const;
};

/// Writes a snapshot from needles in ascending order of their keys, without having it in memory.
class IndexSnapshotWriter {
 public:
  /// Puts bytes at an offset of the file; the header comes last.
  using Put = std::function<Result<void>(std::uint64_t offset, std::string_view bytes)>;

  IndexSnapshotWriter(const IndexSnapshotHeader& header, Put put);
  /// Errors are those of `put`.
  [[nodiscard]] Result<void> add(const IndexEntry& entry);
  [[nodiscard]] Result<void> finish();

 private:
  void end_block();
  Result<void> put_blocks();

  IndexSnapshotHeader header_;
  const Put put_;
  std::string rows_;        ///< Of the block that is being filled.
  std::uint64_t base_ = 0;  ///< Its first key.
  std::string blocks_;      ///< Whole ones that were not put yet.
  std::uint64_t blocks_at_ = kIndexBlockBytes;
  std::string firsts_;  ///< First keys of all blocks.
};

/// A header, from the first kIndexBlockBytes of a snapshot. kCorruption for anything that the
/// writer would not make; kUnimplemented, naming both versions, for another version. A snapshot can
/// always be done without.
[[nodiscard]] Result<IndexSnapshotHeader> decode_index_header(ByteSpan bytes);
/// First keys of all blocks, ascending, from the bytes behind the last block. kCorruption.
[[nodiscard]] Result<std::vector<std::uint64_t>> decode_index_firsts(
    const IndexSnapshotHeader& header, ByteSpan bytes);
/// Appends the needles of a block to `entries`. kCorruption.
[[nodiscard]] Result<void> decode_index_block(ByteSpan block, std::vector<IndexEntry>& entries);
/// Where a needle of a block lies. kCorruption when the block does not check.
[[nodiscard]] Result<std::optional<NeedlePlace>> find_in_index_block(ByteSpan block, NeedleKey key);

/// A decoded snapshot; entries ascend by key, each key once.
struct IndexSnapshot {
  IndexSnapshotHeader header;
  std::vector<IndexEntry> entries;
};
/// Entries ascend; of the header what the writer fills in is left aside.
[[nodiscard]] std::string encode_index_snapshot(const IndexSnapshotHeader& header,
                                                std::span<const IndexEntry> entries);
/// The whole of a snapshot. Errors as those of its parts.
[[nodiscard]] Result<IndexSnapshot> decode_index_snapshot(std::string_view bytes);

}  // namespace kelp
