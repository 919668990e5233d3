#pragma once

#include "kv/remote_link.h"

namespace kelp {

/// The contract on one Redis (6 or later), which many filers may share; everything must fit into
/// its memory.
///
/// options.url: `redis://[user@]host[:6379][/database]` or `unix:/path`. Rows are one hash, their
/// order a sorted set; a script does a group of commits in one round trip. Not for Redis Cluster.
///
/// kInvalidArgument: the server may lose or drop what it acknowledged (no append-only file, not
/// synced at every write, evicting), or does not tell, and options.allow_unsafe is false; its rows
/// are of a newer Kelp. Others: as open_remote_kv(). `clock` must outlive the store.
[[nodiscard]] Result<std::unique_ptr<KvStore>> open_redis_kv(RemoteKvOptions options,
                                                             const Clock& clock);

}  // namespace kelp
