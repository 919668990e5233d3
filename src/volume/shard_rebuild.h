#pragma once

#include <string>
#include <vector>

#include "client/volume_nodes.h"

namespace kelp {

/// One of the shards that rebuild_shards() makes.
struct RebuiltShard {
  std::uint8_t shard = 0;
  std::string image;  ///< Before: memory that it is made in, as far as that goes.
};

/// The images of a needle (docs/formats/needle.md, under seed 0) that are the `wanted` shards of a
/// body, computed from the shards of others: each of `from.scheme.data` of them is read once, piece
/// by piece, and verified, and so is that they are parts of one body, written under one key and
/// cookie. A member that fails is replaced by another one from that piece on.
///
/// `peers`  must outlive the call.
/// `from`   its scheme and members count.
/// `wanted` at least one, each shard once.
/// Returns  what is wanted, in that order. kNotFound when fewer than `data` members have the needle
///          and none failed otherwise;
///          kCorruption when shards contradict each other; else the error of the last member that
///          failed, with how many could be read.
[[nodiscard]] Task<Result<std::vector<RebuiltShard>>> rebuild_shards(
    VolumeNodes& peers, VolumeId volume, Generation generation, StripeSources from, NeedleKey key,
    std::vector<RebuiltShard> wanted);
/// The same of `from.shard` alone.
[[nodiscard]] Task<Result<std::string>> rebuild_shard(VolumeNodes& peers, VolumeId volume,
                                                      Generation generation, StripeSources from,
                                                      NeedleKey key, std::string room = {});

}  // namespace kelp
