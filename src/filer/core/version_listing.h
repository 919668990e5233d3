#pragma once

#include "kelp/result.h"
#include "kv/kv_store.h"
#include "wire/namespace.h"

namespace kelp {

/// One page of versions and delete markers, by key and then the newest first, all seen at one point
/// in time: objects and version rows, each a skip-scan that reads one row for each version or
/// common prefix it gives, and one more. Blocks.
///
/// A null version as marker that is gone meanwhile stands before all versions of its key.
/// Source: S3 API, ListObjectVersions; markers as ListVersions says.
[[nodiscard]] Result<ListedVersions> list_versions(KvStore& store, BucketEntry bucket,
                                                   const ListVersions& request);

}  // namespace kelp
