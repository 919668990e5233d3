#pragma once

#include <memory>

#include "base/clock.h"
#include "filer/filer_service.h"
#include "kv/kv_store.h"
#include "os/file_io.h"
#include "server/config.h"
#include "server/data_dir.h"

namespace kelp::server {

/// What an engine is opened for.
enum class EngineUse : std::uint8_t {
  kServe,  ///< With a journal, as filer.journal_keep says.
  kRead,
  kLoad  ///< It may be half loaded.
};

/// Opens the metadata engine that filer.engine names, and logs which it is and what it promises.
/// Blocks until the engine answers, for some seconds at most. kInvalidArgument when it cannot keep
/// the contract and filer.allow_unsafe_engine is false, naming what would be lost, or holds another
/// cluster's metadata, or what a load left half done. `io` and `clock` must outlive the store.
[[nodiscard]] Result<std::unique_ptr<KvStore>> open_engine(const Config& config,
                                                           const ClusterIdentity& identity,
                                                           FileIo& io, Clock& clock, EngineUse use);

/// Whether the engine belongs to this process alone, so that it may be read while that is stopped.
[[nodiscard]] bool is_embedded(const Config& config);

/// The filer's limits on that engine.
[[nodiscard]] FilerOptions filer_options(const Config& config, MemoryBudget& memory);

}  // namespace kelp::server
