#pragma once

#include "kv/kv_store.h"

namespace kelp {

/// The contract in memory, for tests and the simulation. commit() calls `done` before it returns.
/// Thread-safe. `stamped_prefix`: as RemoteKvOptions'.
[[nodiscard]] std::unique_ptr<KvStore> make_mem_kv(char stamped_prefix = 0);

}  // namespace kelp
