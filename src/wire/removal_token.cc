#include "wire/removal_token.h"

#include <fmt/format.h>

#include "base/bytes.h"
#include "crypto/digest.h"

namespace kelp {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kMacBytes = 32;
/// Keeps this use of the cluster secret apart from every other one.
constexpr std::string_view kPurpose = "kelp-remove-v1";

std::string mac_of(std::string_view secret, std::string_view claims) {
  std::string text(kPurpose);
  text.append(claims);
  return std::string(view(hmac_sha256(secret, text)));
}

}  // namespace

std::string sign_removal(std::string_view secret, const FileId& fid, WallTime expires) {
  const auto milliseconds =
      std::chrono::duration_cast<std::chrono::milliseconds>(expires.time_since_epoch()).count();
  std::string token;
  token.reserve(kRemovalTokenBytes);
  ByteWriter writer(token);
  writer.fixed(kVersion);
  writer.fixed(fid.volume.value);
  writer.fixed(fid.key.value);
  writer.fixed(fid.cookie.value);
  writer.fixed(static_cast<std::uint64_t>(milliseconds));
  token += mac_of(secret, token);
  return token;
}

Result<void> verify_removal(std::string_view secret, std::string_view token, const FileId& fid,
                            WallTime now) {
  if (token.size() != kRemovalTokenBytes) {
    return Error(Errc::kPermissionDenied,
                 fmt::format("removal token: {} bytes, not {}", token.size(), kRemovalTokenBytes));
  }
  const std::string_view claims = token.substr(0, kRemovalTokenBytes - kMacBytes);
  if (!equal_constant_time(mac_of(secret, claims), token.substr(claims.size()))) {
    return Error(Errc::kPermissionDenied, "removal token: not signed by this cluster");
  }
  ByteReader reader(claims);
  const auto version = reader.fixed<std::uint8_t>();
  FileId claimed;
  claimed.volume.value = reader.fixed<std::uint32_t>();
  claimed.key.value = reader.fixed<std::uint64_t>();
  claimed.cookie.value = reader.fixed<std::uint32_t>();
  const WallTime expires(std::chrono::milliseconds(reader.fixed<std::uint64_t>()));
  if (version != kVersion) {
    return Error(Errc::kPermissionDenied,
                 fmt::format("removal token: version {}, known is {}", version, kVersion));
  }
  if (claimed != fid) {
    return Error(Errc::kPermissionDenied,
                 fmt::format("removal token: for {}, not {}", to_string(claimed), to_string(fid)));
  }
  if (now >= expires) return Error(Errc::kPermissionDenied, "removal token: expired");
  return {};
}

}  // namespace kelp
