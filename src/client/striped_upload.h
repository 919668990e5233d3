#pragma once

#include <memory>

#include "client/volume_nodes.h"

namespace kelp {

/// Begins a needle that is cut into shards, one for each of request.members: each row of cells is
/// encoded as it comes and goes straight to the servers, so that the body costs (k+m)/k of its
/// bytes everywhere. Durable when every shard is. Memory: the cells of some rows, about 2 MiB, or
/// the whole body when its shards are small: then it can be had back after finish() failed.
///
/// `request`  with a scheme, and a member for each of its shards; else kInvalidArgument.
/// `nodes`    must outlive the upload.
/// Errors     those of VolumeClient::open, naming the shard that could not be begun.
[[nodiscard]] Task<Result<std::unique_ptr<NeedleUpload>>> open_striped(VolumeNodes& nodes,
                                                                       OpenNeedle request);

}  // namespace kelp
