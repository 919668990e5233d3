#pragma once

#include <string>

#include "client/volume_nodes.h"

namespace kelp {

/// The image of a needle (docs/formats/needle.md, under seed 0) that is shard `from.shard` of a
/// body, computed from the shards of others: each of `from.scheme.data` of them is read once, piece
/// by piece, and verified, and so is that they are parts of one body, written under one key and
/// cookie. A member that fails is replaced by another one from that piece on.
///
/// `peers`  must outlive the call.
/// `room`   memory that the image is made in, as far as it goes.
/// Returns  kNotFound when fewer than `data` members have the needle and none failed otherwise;
///          kCorruption when shards contradict each other; else the error of the last member that
///          failed, with how many could be read.
[[nodiscard]] Task<Result<std::string>> rebuild_shard(VolumeNodes& peers, VolumeId volume,
                                                      Generation generation, StripeSources from,
                                                      NeedleKey key, std::string room = {});

}  // namespace kelp
