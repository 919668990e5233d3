#pragma once

#include <cstdint>
#include <string>

#include "kelp/result.h"

namespace kelp {

/// What the newest log of a RocksDB directory looks like, and so how strictly it may be replayed.
struct WalCheck {
  bool torn_tail = false;        ///< It ends in a write that never finished, so never acknowledged.
  std::string log;               ///< Its file name; empty when there is none.
  std::uint64_t good_bytes = 0;  ///< Up to the end of its last whole record.
};

/// Reads the logs of the RocksDB directory `path`, whose every write was synced before the next one
/// began, and tells a torn tail from damage. Of RocksDB's own modes the lenient ones drop
/// acknowledged writes behind a flipped byte in silence, and the strict one refuses what a power
/// cut leaves.
///
/// Damage is: a whole write behind a record that does not check (the sync between them was
/// acknowledged); a last record that is all there, with no hole of zeros, and does not check; a
/// torn log that is followed by another torn one. What remains undetected, because nothing tells it
/// from a torn tail, is damage to the very last record when it changes its length, or when the
/// record's part of some sector is zeros by itself.
///
/// Errors  kCorruption naming file and offset; kIo.
/// Source  RocksDB's "Write Ahead Log File Format": 32 KiB blocks of records, each a masked CRC-32C
/// of type and payload (4 bytes), length (2), type (1: full, 2 first, 3 middle, 4 last), payload.
[[nodiscard]] Result<WalCheck> check_rocks_wal(const std::string& path);

}  // namespace kelp
