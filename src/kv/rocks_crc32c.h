#pragma once

#include <cstdint>

namespace kelp {

/// Does nothing; calling it makes the linker take Kelp's CRC-32C for RocksDB (rocks_crc32c.cc says
/// why).
void use_own_crc32c_in_rocksdb();

}  // namespace kelp
