#pragma once

#include <rocksdb/env.h>

#include <memory>

#include "os/file_io.h"

namespace kelp {

/// RocksDB's environment as it is, but that a thread can ask for reads that never wait for the
/// disk: inside a NoWait, what the page cache does not hold is answered with Incomplete.
[[nodiscard]] std::unique_ptr<rocksdb::Env> make_rocks_env(std::shared_ptr<FileIo> io);

/// While one lives, the reads of tables and blob files on its thread do not wait. May be nested.
class NoWait {
 public:
  NoWait();
  ~NoWait();
  NoWait(const NoWait&) = delete;
  NoWait& operator=(const NoWait&) = delete;

 private:
  bool before_;
};

}  // namespace kelp
