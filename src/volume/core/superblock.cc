#include "volume/core/superblock.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/assert.h"
#include "base/crc.h"
#include "base/encoding.h"

namespace kelp {
namespace {

constexpr std::string_view kMagic = "KELPVOL\n";

Error corrupt(std::string_view what) {
  return {Errc::kCorruption, fmt::format("superblock: {}", what)};
}

}  // namespace

std::string to_string(const Uuid& uuid) {
  std::string text = hex_encode(as_text(uuid));
  for (const std::size_t dash : {20U, 16U, 12U, 8U}) text.insert(dash, 1, '-');
  return text;
}

Result<Uuid> parse_uuid(std::string_view text) {
  std::string digits(text);
  const auto wrong = [&] { return Error(Errc::kInvalidArgument, "not a UUID"); };
  if (digits.size() != 36) return wrong();
  for (const std::size_t dash : {23U, 18U, 13U, 8U}) {
    if (digits[dash] != '-') return wrong();
    digits.erase(dash, 1);
  }
  const auto raw = hex_decode(digits);
  if (!raw.has_value()) return wrong();
  Uuid uuid{};
  std::ranges::copy(as_bytes(*raw), uuid.begin());
  return uuid;
}

std::string encode_superblock(const Superblock& superblock) {
  KELP_ASSERT(superblock.collection.size() <= kMaxCollectionBytes, "the caller bounds it");
  std::string out;
  ByteWriter writer(out);
  writer.raw(kMagic);
  writer.fixed(kVolumeVersion);
  writer.fixed(superblock.volume.value);
  writer.fixed(superblock.generation.value);
  writer.fixed(std::uint32_t{0});
  writer.raw(as_text(superblock.cluster_id));
  writer.raw(as_text(superblock.salt));
  writer.fixed(static_cast<std::uint64_t>(superblock.created_ns));
  writer.fixed(static_cast<std::uint8_t>(superblock.collection.size()));
  writer.raw(superblock.collection);
  out.resize(kSuperblockBytes - 4, '\0');
  writer.fixed(crc32c(as_bytes(out)));
  return out;
}

Result<Superblock> decode_superblock(ByteSpan bytes) {
  if (bytes.size() != kSuperblockBytes) {
    return corrupt(fmt::format("{} of {} bytes", bytes.size(), kSuperblockBytes));
  }
  ByteReader tail(bytes.last(4));
  ByteReader reader(bytes.first(kSuperblockBytes - 4));
  if (reader.raw(kMagic.size()) != kMagic) return corrupt("not the file of a Kelp volume");
  if (tail.fixed<std::uint32_t>() != crc32c(bytes.first(kSuperblockBytes - 4))) {
    return corrupt("wrong checksum");
  }
  const auto version = reader.fixed<std::uint32_t>();
  if (version != kVolumeVersion) {
    return Error(Errc::kUnimplemented,
                 fmt::format("volume of format version {}, this program knows version {}", version,
                             kVolumeVersion));
  }
  Superblock superblock;
  superblock.volume = VolumeId{reader.fixed<std::uint32_t>()};
  superblock.generation = Generation{reader.fixed<std::uint32_t>()};
  const auto reserved = reader.fixed<std::uint32_t>();
  std::ranges::copy(as_bytes(reader.raw(16)), superblock.cluster_id.begin());
  std::ranges::copy(as_bytes(reader.raw(16)), superblock.salt.begin());
  superblock.created_ns = static_cast<std::int64_t>(reader.fixed<std::uint64_t>());
  superblock.collection = reader.raw(reader.fixed<std::uint8_t>());
  const std::string_view rest = reader.raw(reader.remaining());
  if (reserved != 0 || rest.find_first_not_of('\0') != std::string_view::npos) {
    return corrupt("reserved bytes are in use");
  }
  return superblock;
}

}  // namespace kelp
