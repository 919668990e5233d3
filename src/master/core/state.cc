#include "master/core/state.h"

#include <fmt/format.h>

#include "base/crc.h"

namespace kelp::master {
namespace {

constexpr std::string_view kMagic = "KLPM";
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kCrcBytes = 4;

Result<std::string_view> checked_body(std::string_view bytes) {
  const std::size_t smallest = kMagic.size() + sizeof kVersion + kCrcBytes;
  if (bytes.size() < smallest || !bytes.starts_with(kMagic)) {
    return Error(Errc::kCorruption,
                 fmt::format("master state: {} bytes without the mark KLPM", bytes.size()));
  }
  ByteReader head(bytes.substr(kMagic.size()));
  if (const auto version = head.fixed<std::uint32_t>(); version != kVersion) {
    return Error(
        version > kVersion ? Errc::kUnimplemented : Errc::kCorruption,
        fmt::format("master state has format {}, this program knows {}", version, kVersion));
  }
  const std::string_view covered = bytes.substr(0, bytes.size() - kCrcBytes);
  ByteReader tail(bytes.substr(covered.size()));
  if (const auto crc = tail.fixed<std::uint32_t>(); crc != crc32c(as_bytes(covered))) {
    return Error(Errc::kCorruption, "master state: the checksum differs");
  }
  return covered.substr(kMagic.size() + sizeof kVersion);
}

}  // namespace

void encode_volume(const VolumeRecord& volume, std::string& out) {
  ByteWriter writer(out);
  writer.fixed(volume.generation.value);
  writer.fixed(static_cast<std::uint8_t>(volume.scheme.kind));
  writer.fixed(volume.scheme.copies);
  writer.fixed(static_cast<std::uint8_t>(volume.phase));
  writer.text(volume.collection);
  writer.varint(volume.member_node_ids.size());
  for (const auto& member : volume.member_node_ids) writer.text(member);
}

Result<VolumeRecord> decode_volume(ByteReader& reader) {
  VolumeRecord volume;
  volume.generation.value = reader.fixed<std::uint32_t>();
  const auto kind = reader.fixed<std::uint8_t>();
  volume.scheme.copies = reader.fixed<std::uint8_t>();
  const auto phase = reader.fixed<std::uint8_t>();
  volume.collection = reader.text();
  const std::uint64_t members = reader.varint();
  for (std::uint64_t i = 0; i < members && !reader.failed(); ++i) {
    volume.member_node_ids.emplace_back(reader.text());
  }
  if (!reader.failed() && kind != static_cast<std::uint8_t>(SchemeKind::kCopies)) {
    return Error(Errc::kCorruption, fmt::format("master state: scheme {}", kind));
  }
  if (!reader.failed() && (phase < 1 || phase > 3)) {
    return Error(Errc::kCorruption, fmt::format("master state: volume phase {}", phase));
  }
  volume.phase = static_cast<VolumePhase>(phase);
  return volume;
}

std::string encode_state(const MasterState& state) {
  std::string out(kMagic);
  ByteWriter writer(out);
  writer.fixed(kVersion);
  writer.text(state.cluster_id);
  writer.fixed(state.key_mark.value);
  writer.fixed(state.next_volume.value);
  writer.varint(state.volumes.size());
  for (const auto& [id, volume] : state.volumes) {
    writer.fixed(id.value);
    encode_volume(volume, out);
  }
  writer.fixed(crc32c(as_bytes(out)));
  return out;
}

Result<MasterState> decode_state(std::string_view bytes) {
  KELP_TRY(const std::string_view body, checked_body(bytes));
  ByteReader reader(body);
  MasterState state;
  state.cluster_id = reader.text();
  state.key_mark.value = reader.fixed<std::uint64_t>();
  state.next_volume.value = reader.fixed<std::uint32_t>();
  const std::uint64_t count = reader.varint();
  for (std::uint64_t i = 0; i < count && !reader.failed(); ++i) {
    const VolumeId id{reader.fixed<std::uint32_t>()};
    KELP_TRY(VolumeRecord volume, decode_volume(reader));
    if (id >= state.next_volume || !state.volumes.emplace(id, std::move(volume)).second) {
      return Error(Errc::kCorruption,
                   fmt::format("master state: volume {} is out of place", id.value));
    }
  }
  KELP_CHECK(reader.finish("master state"));
  return state;
}

}  // namespace kelp::master
