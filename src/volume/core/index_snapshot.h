#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "kelp/result.h"
#include "volume/core/volume_index.h"

namespace kelp {

inline constexpr std::uint32_t kIndexSnapshotVersion = 1;

/// Which file a snapshot is of and how far it reaches (docs/formats/index.md).
struct IndexSnapshotHeader {
  VolumeId volume;
  Generation generation;
  std::array<std::byte, 16> salt{};  ///< The volume's, so that no other file can be meant.
  /// The state at this offset of the log, or later: what lies behind it is to be replayed on top.
  std::uint64_t covered_bytes = 0;
  friend bool operator==(const IndexSnapshotHeader&, const IndexSnapshotHeader&) = default;
};

/// Builds a snapshot from needles in ascending order of their keys.
class IndexSnapshotWriter {
 public:
  explicit IndexSnapshotWriter(const IndexSnapshotHeader& header);
  void add(const IndexEntry& entry);
  [[nodiscard]] std::string finish() &&;

 private:
  std::string out_;
  std::uint64_t count_ = 0;
  std::uint64_t previous_key_ = 0;
};

/// A decoded snapshot; entries ascend by key, each key once.
/// A snapshot as read; entries ascend by key.
struct IndexSnapshot {
  IndexSnapshotHeader header;
  std::vector<IndexEntry> entries;
};
/// kCorruption for anything that the writer would not make; kUnimplemented, naming both versions,
/// for another version. A snapshot can always be done without.
[[nodiscard]] Result<IndexSnapshot> decode_index_snapshot(std::string_view bytes);

}  // namespace kelp
