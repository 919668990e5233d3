#include "volume/store/volume_role.h"

#include <fmt/core.h>

#include "base/crc.h"

namespace kelp {
namespace {

constexpr std::string_view kMagic = "KLPR";
constexpr std::uint32_t kVersion = 1;
constexpr std::uint64_t kLimitBytes = 64;

}  // namespace

std::string encode_volume_role(VolumeId volume, CopyRole role) {
  std::string out(kMagic);
  ByteWriter writer(out);
  writer.fixed(kVersion);
  writer.fixed(volume.value);
  writer.fixed(role.generation.value);
  writer.fixed(static_cast<std::uint8_t>(role.frozen));
  writer.fixed(crc32c(as_bytes(out)));
  return out;
}

Result<CopyRole> decode_volume_role(VolumeId volume, std::string_view bytes) {
  if (!bytes.starts_with(kMagic)) return Error(Errc::kCorruption, "not a volume's role");
  ByteReader reader(bytes.substr(kMagic.size()));
  const auto version = reader.fixed<std::uint32_t>();
  if (version > kVersion) {
    return Error(Errc::kUnimplemented, fmt::format("a volume's role has format {}, this program "
                                                   "knows {}",
                                                   version, kVersion));
  }
  const auto number = reader.fixed<std::uint32_t>();
  CopyRole role;
  role.generation.value = reader.fixed<std::uint32_t>();
  const auto frozen = reader.fixed<std::uint8_t>();
  const auto crc = reader.fixed<std::uint32_t>();
  KELP_CHECK(reader.finish("a volume's role"));
  if (version != kVersion || number != volume.value || frozen > 1 ||
      crc != crc32c(as_bytes(bytes.substr(0, bytes.size() - sizeof crc)))) {
    return Error(Errc::kCorruption,
                 fmt::format("the role of volume {} does not check", volume.value));
  }
  role.frozen = frozen == 1;
  return role;
}

std::string role_path(const std::string& directory, VolumeId volume) {
  return fmt::format("{}/{:09}.role", directory, volume.value);
}

Result<CopyRole> load_volume_role(FileIo& io, const std::string& directory, VolumeId volume,
                                  CopyRole fallback) {
  const std::string path = role_path(directory, volume);
  const auto bytes = read_whole_file(io, path, kLimitBytes);
  if (!bytes.has_value()) {
    if (bytes.error().code() == Errc::kNotFound) return fallback;
    return bytes.error();
  }
  auto role = decode_volume_role(volume, *bytes);
  if (!role.has_value()) {
    return Error(role.error().code(), fmt::format("{}: {}", path, role.error().detail()));
  }
  return role;
}

}  // namespace kelp
