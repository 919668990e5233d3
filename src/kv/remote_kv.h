#pragma once

#include "kv/remote_link.h"

namespace kelp {

/// The contract on an engine that is a server of its own and that other processes use too: nothing
/// is remembered here, every read asks the engine. Fails as RemoteLink::open, and with
/// kUnavailable when the engine does not answer within options.patience. `clock` must outlive it.
[[nodiscard]] Result<std::unique_ptr<KvStore>> open_remote_kv(std::unique_ptr<RemoteEngine> engine,
                                                              const RemoteKvOptions& options,
                                                              const Clock& clock);

}  // namespace kelp
