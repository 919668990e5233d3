#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "client/volume_replicas.h"
#include "wire/message_codec.h"
#include "wire/node_messages.h"

namespace kelp {

// What the calls of client/volume_replicas.h carry.

/// Of VolumeReplicas::set_role.
struct SetRole {
  VolumeId volume;
  Generation oldest;
  CopyRole role;
};
/// Of VolumeReplicas::pull.
struct PullVolume {
  VolumeId volume;
  Generation generation;
  std::string collection;
  VolumeMember source;
  Urgency urgency = Urgency::kRepair;
};
/// Of VolumeReplicas::rebuild and repack.
struct RebuildVolume {
  VolumeId volume;
  Generation generation;
  std::string collection;
  EcScheme scheme;
  std::uint8_t shard = 0;
  std::vector<VolumeMember> members;
  Urgency urgency = Urgency::kRepair;
};
/// The same of several shards of a volume in one pass; servers of before do not know it, and make
/// theirs alone.
struct RebuildTogether {
  RebuildVolume one;
  std::vector<std::uint8_t> others;
  std::optional<VolumeMember> maker;
};
/// Of VolumeReplicas::read_rebuilt; answered as ReadNeedles.
struct ReadRebuilt {
  VolumeId volume;
  Generation generation;
  std::uint8_t shard = 0;
  NeedleKey key;
};
/// Of VolumeReplicas::digest.
struct DigestVolume {
  VolumeId volume;
  bool verify = false;
};
/// Of VolumeReplicas::retire.
struct RetireVolume {
  VolumeId volume;
  Generation generation;
};
/// Of VolumeReplicas::read_needles; the bytes come as the attachment, with a NeedleBytes.
struct ReadNeedles {
  VolumeId volume;
  Generation generation;
  NeedleKey after;
  Urgency urgency = Urgency::kRepair;
};

/// Of VolumeReplicas::read_needle; answered as ReadNeedles.
struct ReadOneNeedle {
  VolumeId volume;
  Generation generation;
  NeedleKey key;
};

/// Of VolumeReplicas::read_part.
struct ReadNeedlePart {
  VolumeId volume;
  Generation generation;
  NeedleKey key;
  std::uint64_t offset = 0;
  std::uint32_t bytes = 0;
};
/// Its answer; the body's bytes come as the attachment. Their checksums are in the frame.
struct NeedlePartFrame {
  std::string frame;
};

/// Of VolumeReplicas::pack.
struct PackVolume {
  VolumeId volume;
  Generation generation;
  std::string collection;
  EcScheme scheme;
  std::uint8_t shard = 0;
  VolumeMember copy;
  Urgency urgency = Urgency::kMove;
  EcScheme from = {};
  std::vector<VolumeMember> members = {};
};
/// Of VolumeReplicas::verify_packed, adopt_packed and drop_packed; those need no urgency.
struct PackedVolume {
  VolumeId volume;
  Generation generation;
  Urgency urgency = Urgency::kMove;
};
/// Of VolumeReplicas::read_packed; answered as ReadNeedles.
struct ReadPacked {
  VolumeId volume;
  Generation generation;
  EcScheme scheme;
  std::uint8_t shard = 0;
  NeedleKey after;
  Urgency urgency = Urgency::kMove;
  EcScheme from = {};
  std::vector<VolumeMember> members = {};
};
/// Of VolumeReplicas::find_packed.
struct FindPacked {
  FileId fid;
  EcScheme scheme = {};
};

/// The answer of VolumeReplicas::sparse_volumes.
struct SparseVolumes {
  std::vector<SparseVolume> volumes;
};

/// The values of Urgency.
template <>
inline constexpr std::pair kEnumerators<Urgency> = {Urgency::kMove, Urgency::kLastCopy};

/// What travels of each, in order.
template <>
inline constexpr auto kFields<ReadOneNeedle> =
    std::tuple(&ReadOneNeedle::volume, &ReadOneNeedle::generation, &ReadOneNeedle::key);
template <>
inline constexpr auto kFields<ReadNeedlePart> =
    std::tuple(&ReadNeedlePart::volume, &ReadNeedlePart::generation, &ReadNeedlePart::key,
               &ReadNeedlePart::offset, &ReadNeedlePart::bytes);
template <>
inline constexpr auto kFields<NeedlePartFrame> = std::tuple(&NeedlePartFrame::frame);
template <>
inline constexpr auto kFields<PackVolume> =
    std::tuple(&PackVolume::volume, &PackVolume::generation, &PackVolume::collection,
               &PackVolume::scheme, &PackVolume::shard, &PackVolume::copy, &PackVolume::urgency,
               since(3, &PackVolume::from), since(3, &PackVolume::members));
template <>
inline constexpr auto kFields<PackedVolume> =
    std::tuple(&PackedVolume::volume, &PackedVolume::generation, &PackedVolume::urgency);
template <>
inline constexpr auto kFields<ReadPacked> =
    std::tuple(&ReadPacked::volume, &ReadPacked::generation, &ReadPacked::scheme,
               &ReadPacked::shard, &ReadPacked::after, &ReadPacked::urgency,
               since(3, &ReadPacked::from), since(3, &ReadPacked::members));
template <>
inline constexpr auto kFields<FindPacked> =
    std::tuple(&FindPacked::fid, since(3, &FindPacked::scheme));
template <>
inline constexpr auto kFields<SparseVolume> =
    std::tuple(&SparseVolume::volume, &SparseVolume::extent_bytes, &SparseVolume::garbage_bytes);
template <>
inline constexpr auto kFields<SparseVolumes> = std::tuple(&SparseVolumes::volumes);
template <>
inline constexpr auto kFields<PackedPlace> =
    std::tuple(&PackedPlace::extent, &PackedPlace::cookie, &PackedPlace::offset,
               &PackedPlace::body_bytes, &PackedPlace::table);
template <>
inline constexpr auto kFields<CopyRole> = std::tuple(&CopyRole::generation, &CopyRole::frozen);
template <>
inline constexpr auto kFields<VolumeDigest> =
    std::tuple(&VolumeDigest::generation, &VolumeDigest::needles, &VolumeDigest::live_bytes,
               &VolumeDigest::keys_hash);
template <>
inline constexpr auto kFields<SetRole> =
    std::tuple(&SetRole::volume, &SetRole::oldest, &SetRole::role);
template <>
inline constexpr auto kFields<PullVolume> =
    std::tuple(&PullVolume::volume, &PullVolume::generation, &PullVolume::collection,
               &PullVolume::source, since(1, &PullVolume::urgency));
template <>
inline constexpr auto kFields<RebuildVolume> =
    std::tuple(&RebuildVolume::volume, &RebuildVolume::generation, &RebuildVolume::collection,
               &RebuildVolume::scheme, &RebuildVolume::shard, &RebuildVolume::members,
               &RebuildVolume::urgency);
template <>
inline constexpr auto kFields<RebuildTogether> =
    std::tuple(&RebuildTogether::one, &RebuildTogether::others, &RebuildTogether::maker);
template <>
inline constexpr auto kFields<ReadRebuilt> = std::tuple(
    &ReadRebuilt::volume, &ReadRebuilt::generation, &ReadRebuilt::shard, &ReadRebuilt::key);
template <>
inline constexpr auto kFields<DigestVolume> =
    std::tuple(&DigestVolume::volume, &DigestVolume::verify);
template <>
inline constexpr auto kFields<RetireVolume> =
    std::tuple(&RetireVolume::volume, &RetireVolume::generation);
template <>
inline constexpr auto kFields<ReadNeedles> =
    std::tuple(&ReadNeedles::volume, &ReadNeedles::generation, &ReadNeedles::after,
               since(1, &ReadNeedles::urgency));

}  // namespace kelp
