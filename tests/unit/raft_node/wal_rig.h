#pragma once

#include <string>
#include <vector>

#include "raft/node/wal.h"
#include "tests/support/sim_disk.h"

namespace kelp::raft {

inline const std::string kDir = "/raft";

inline std::string segment_path(std::uint64_t number) {
  std::string digits = std::to_string(number);
  return kDir + "/log-" + std::string(20 - digits.size(), '0') + digits + ".seg";
}

inline WalOptions wal_options(std::uint64_t segment_bytes = 16 << 20) {
  return {.dir = kDir,
          .cluster_id = "7d444840-9dc0-41d1-b245-5ffdce74fad2",
          .node = NodeId{3},
          .segment_bytes = segment_bytes,
          .salt = 77};
}

inline Entry entry_at(std::uint64_t index, std::uint64_t term, std::string data) {
  return {.term = Term{term},
          .index = LogIndex{index},
          .kind = EntryKind::kCommand,
          .data = std::move(data)};
}

inline Entry entry_at(std::uint64_t index, std::uint64_t term) {
  return entry_at(index, term, "command " + std::to_string(index));
}

inline HardState hard_state(std::uint64_t term, std::uint64_t vote) {
  return {.term = Term{term}, .vote = NodeId{vote}, .commit = LogIndex{}};
}

inline Result<Wal::Opened> open_wal(FileIo& io, WalOptions options = wal_options()) {
  auto made = io.make_dirs(kDir);
  if (!made) return made.error();
  return Wal::open(io, std::move(options), true);
}

inline Result<void> append_one(Wal& wal, WalChange change) {
  return wal.append(std::span(&change, 1));
}

}  // namespace kelp::raft
