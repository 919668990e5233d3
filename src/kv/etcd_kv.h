#pragma once

#include "kv/remote_link.h"

namespace kelp {

/// The contract on etcd (3.4 or later), which many filers may share: for up to some ten million
/// objects.
///
/// options.url: `http://[user@]host:2379`, or https, of every member with commas. A group of
/// commits is one transaction, a conditional put one round trip. etcd must be started with
/// --max-txn-ops=65536 --max-request-bytes=9437184: a completed upload of 10,000 parts is one
/// transaction. A commit, with the values that it compares, has 8 MiB at most: more gets
/// kInvalidArgument, for etcd could not read a larger entry of its log back.
///
/// kInvalidArgument: the server does not sync its log, or its limits are lower, and
/// options.allow_unsafe is false; its rows are of a newer Kelp. Others: as open_remote_kv().
/// `clock` must outlive the store.
[[nodiscard]] Result<std::unique_ptr<KvStore>> open_etcd_kv(RemoteKvOptions options,
                                                            const Clock& clock);

}  // namespace kelp
