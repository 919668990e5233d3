#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "wire/message_codec.h"
#include "wire/node_messages.h"
#include "wire/open_needle.h"

namespace kelp {

// What the calls of client/volume_client.h and client/volume_admin.h carry.

/// A whole small needle; its body is the attachment.
struct WriteNeedle {
  OpenNeedle needle;
  std::uint32_t body_crc = 0;  ///< CRC-32C of the attachment.
};
/// Answer of NeedleUpload's beginning: its name on this connection.
struct OpenedNeedle {
  std::uint64_t upload = 0;
};
/// The next bytes of a needle, in the attachment.
struct AppendNeedle {
  std::uint64_t upload = 0;
  std::uint64_t offset = 0;     ///< Of the piece in the body.
  std::uint32_t piece_crc = 0;  ///< CRC-32C of the attachment.
};
/// Makes the needle durable.
struct FinishNeedle {
  std::uint64_t upload = 0;
};
/// The needle is given up.
struct AbandonNeedle {
  std::uint64_t upload = 0;
};
/// Of VolumeClient::read; the bytes come as the attachment.
struct ReadNeedle {
  FileId fid;
  std::uint64_t offset = 0;
  std::uint32_t bytes = 0;
};
/// Of VolumeClient::read_shard (see ShardRead); the bytes come as the attachment.
struct ReadShard {
  FileId fid;
  EcScheme scheme;
  std::uint8_t shard = 0;
  std::uint64_t offset = 0;
  std::uint64_t body_end = 0;
  std::uint32_t bytes = 0;
};
/// Answer of ReadNeedle and ReadShard.
struct NeedleBytes {
  std::uint32_t bytes_crc = 0;  ///< CRC-32C of the attachment.
};
/// Of VolumeClient::remove.
struct RemoveNeedles {
  std::vector<FileId> fids;
};
/// Of VolumeAdmin::create_volume.
struct CreateVolume {
  VolumeId volume;
  Generation generation;
  std::string collection;
};
/// Of VolumeAdmin::list_needles.
struct ListNeedles {
  VolumeId volume;
  NeedleKey after;
  std::uint32_t limit = 0;
};
/// Of VolumeAdmin::verify_volume.
struct VerifyVolume {
  VolumeId volume;
};
/// Answer of ListNeedles and VerifyVolume.
struct NeedleList {
  std::vector<NeedleInfo> needles;
};

/// What travels of each, in order.
template <>
inline constexpr auto kFields<StripePart> =
    std::tuple(&StripePart::scheme, &StripePart::shard, &StripePart::body_bytes);
template <>
inline constexpr auto kFields<OpenNeedle> = std::tuple(
    &OpenNeedle::fid, &OpenNeedle::generation, &OpenNeedle::token, &OpenNeedle::body_bytes,
    &OpenNeedle::bucket, &OpenNeedle::object_key, &OpenNeedle::members,
    since(2, &OpenNeedle::scheme), since(2, &OpenNeedle::part), since(2, &OpenNeedle::origin));
template <>
inline constexpr auto kFields<ReadShard> =
    std::tuple(&ReadShard::fid, &ReadShard::scheme, &ReadShard::shard, &ReadShard::offset,
               &ReadShard::body_end, &ReadShard::bytes);
template <>
inline constexpr auto kFields<WriteNeedle> =
    std::tuple(&WriteNeedle::needle, &WriteNeedle::body_crc);
template <>
inline constexpr auto kFields<OpenedNeedle> = std::tuple(&OpenedNeedle::upload);
template <>
inline constexpr auto kFields<AppendNeedle> =
    std::tuple(&AppendNeedle::upload, &AppendNeedle::offset, &AppendNeedle::piece_crc);
template <>
inline constexpr auto kFields<FinishNeedle> = std::tuple(&FinishNeedle::upload);
template <>
inline constexpr auto kFields<AbandonNeedle> = std::tuple(&AbandonNeedle::upload);
template <>
inline constexpr auto kFields<ReadNeedle> =
    std::tuple(&ReadNeedle::fid, &ReadNeedle::offset, &ReadNeedle::bytes);
template <>
inline constexpr auto kFields<NeedleBytes> = std::tuple(&NeedleBytes::bytes_crc);
template <>
inline constexpr auto kFields<RemoveNeedles> = std::tuple(&RemoveNeedles::fids);
template <>
inline constexpr auto kFields<CreateVolume> =
    std::tuple(&CreateVolume::volume, &CreateVolume::generation, &CreateVolume::collection);
template <>
inline constexpr auto kFields<ListNeedles> =
    std::tuple(&ListNeedles::volume, &ListNeedles::after, &ListNeedles::limit);
template <>
inline constexpr auto kFields<VerifyVolume> = std::tuple(&VerifyVolume::volume);
template <>
inline constexpr auto kFields<NeedleInfo> =
    std::tuple(&NeedleInfo::key, &NeedleInfo::cookie, &NeedleInfo::body_bytes, &NeedleInfo::bucket);
template <>
inline constexpr auto kFields<NeedleList> = std::tuple(&NeedleList::needles);

}  // namespace kelp
