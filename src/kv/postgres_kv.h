#pragma once

#include "kv/remote_link.h"

namespace kelp {

/// The contract on PostgreSQL (14 or later), which many filers may share.
///
/// options.url: as libpq takes it, `postgresql://user@host:5432/database`, several hosts with
/// commas, without a password. Makes its tables there when they are missing; the database should
/// be Kelp's own. One server-side function commits a group of batches in one round trip, under
/// locks of the rows that it needs, so that no isolation level but the default one is asked for.
///
/// kInvalidArgument: the server may lose what it acknowledged (fsync, full_page_writes or
/// synchronous_commit is off) and options.allow_unsafe is false; it is a standby; its tables are
/// of a newer Kelp. Others: as open_remote_kv(). `clock` must outlive the store.
[[nodiscard]] Result<std::unique_ptr<KvStore>> open_postgres_kv(RemoteKvOptions options,
                                                                const Clock& clock);

}  // namespace kelp
