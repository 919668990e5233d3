#pragma once

#include <memory>

#include "client/volume_nodes.h"

namespace kelp {

/// A needle that is written here and, at the same time, at the other members of its volume: durable
/// on all when finish() returns well. `local` is this server's own; the others are opened through
/// `peers`. Errors: the first of any member, with its node id.
[[nodiscard]] Task<Result<std::unique_ptr<NeedleUpload>>> open_replicated(
    std::unique_ptr<NeedleUpload> local, VolumeNodes& peers, OpenNeedle request);

}  // namespace kelp
