#include "wire/removal_token.h"

#include <fmt/format.h>

#include <utility>

#include "base/bytes.h"
#include "wire/signed_token.h"

namespace kelp {
namespace {

constexpr std::uint8_t kVersion = 1;
/// Keeps this use of the cluster secret apart from every other one.
constexpr std::string_view kPurpose = "kelp-remove-v1";

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
  return sign_token(secret, kPurpose, std::move(token));
}

Result<void> verify_removal(std::string_view secret, std::string_view token, const FileId& fid,
                            WallTime now) {
  KELP_TRY(const std::string_view claims,
           open_token(secret, kPurpose, token, kRemovalTokenBytes, "removal token"));
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
