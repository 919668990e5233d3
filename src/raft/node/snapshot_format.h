#pragma once

#include <string>
#include <string_view>

#include "kelp/result.h"
#include "raft/core/types.h"

namespace kelp::raft {

/// A snapshot file's bytes: a header, the state machine's bytes, a checksum of both. Source:
/// docs/formats/raft-snapshot.md, version 1.
[[nodiscard]] std::string encode_snapshot(std::string_view cluster_id, const SnapshotMark& mark,
                                          std::string_view state);

/// What a snapshot file holds.
struct Snapshot {
  std::string cluster_id;
  SnapshotMark mark;
  std::string_view state;  ///< Into the file's bytes.
};

/// Errors: kCorruption; kUnimplemented for a newer format (names both).
[[nodiscard]] Result<Snapshot> decode_snapshot(std::string_view bytes);

}  // namespace kelp::raft
