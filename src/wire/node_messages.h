#pragma once

#include "wire/fid.h"
#include "wire/lease.h"
#include "wire/message_codec.h"
#include "wire/node_status.h"

namespace kelp {

// Structs that the messages of more than one daemon hold.

/// The answer of a call that has nothing to say but that it is done.
struct Done {};

/// What travels of each, in order.
template <>
inline constexpr auto kFields<Done> = std::tuple<>();
template <>
inline constexpr auto kFields<FileId> = std::tuple(&FileId::volume, &FileId::key, &FileId::cookie);
template <>
inline constexpr auto kFields<EcScheme> = std::tuple(&EcScheme::data, &EcScheme::parity);
template <>
inline constexpr auto kFields<VolumeMember> =
    std::tuple(&VolumeMember::node_id, &VolumeMember::address, since(2, &VolumeMember::shard));
template <>
inline constexpr auto kFields<VolumeStatus> =
    std::tuple(&VolumeStatus::volume, &VolumeStatus::generation, &VolumeStatus::collection,
               &VolumeStatus::file_bytes, &VolumeStatus::live_bytes, &VolumeStatus::needle_count,
               &VolumeStatus::read_only, &VolumeStatus::frozen);
template <>
inline constexpr auto kFields<NodeStatus> =
    std::tuple(&NodeStatus::node_id, &NodeStatus::total_bytes, &NodeStatus::free_bytes,
               &NodeStatus::volumes, since(1, &NodeStatus::write_micros));

}  // namespace kelp
