#pragma once

#include <string>

#include "client/volume_nodes.h"
#include "volume/core/extent_use.h"

namespace kelp {

/// The whole body of an extent: its data shards as their members have them in a generation, each
/// verified; one that cannot be had is computed from the others (shard_rebuild.h).
///
/// `peers`  must outlive the call.
/// `from`   all members; `from.shard` says nothing.
/// Errors   kCorruption when the shards make another body than `use` says; else as
///          rebuild_shard().
[[nodiscard]] Task<Result<std::string>> read_extent(VolumeNodes& peers, VolumeId volume,
                                                    Generation generation, StripeSources from,
                                                    NeedleKey key, ExtentUse use);

}  // namespace kelp
