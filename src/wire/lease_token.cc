#include "wire/lease_token.h"

#include <fmt/format.h>

#include <utility>

#include "base/bytes.h"
#include "wire/signed_token.h"

namespace kelp {
namespace {

constexpr std::uint8_t kVersion = 1;
/// Keeps this use of the cluster secret apart from every other one.
constexpr std::string_view kPurpose = "kelp-lease-v1";

std::int64_t milliseconds_of(WallTime time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

}  // namespace

std::string sign_lease(std::string_view secret, const LeaseClaims& claims) {
  std::string token;
  token.reserve(kLeaseTokenBytes);
  ByteWriter writer(token);
  writer.fixed(kVersion);
  writer.fixed(claims.volume.value);
  writer.fixed(claims.generation.value);
  writer.fixed(claims.first_key.value);
  writer.fixed(claims.key_count);
  writer.fixed(static_cast<std::uint64_t>(milliseconds_of(claims.expires)));
  return sign_token(secret, kPurpose, std::move(token));
}

Result<LeaseClaims> verify_lease(std::string_view secret, std::string_view token, const FileId& fid,
                                 Generation generation, WallTime now) {
  KELP_TRY(const std::string_view signed_part,
           open_token(secret, kPurpose, token, kLeaseTokenBytes, "lease token"));
  ByteReader reader(signed_part);
  const auto version = reader.fixed<std::uint8_t>();
  LeaseClaims claims;
  claims.volume.value = reader.fixed<std::uint32_t>();
  claims.generation.value = reader.fixed<std::uint32_t>();
  claims.first_key.value = reader.fixed<std::uint64_t>();
  claims.key_count = reader.fixed<std::uint32_t>();
  claims.expires = WallTime(std::chrono::milliseconds(reader.fixed<std::uint64_t>()));
  if (version != kVersion) {
    return Error(Errc::kPermissionDenied,
                 fmt::format("lease token: version {}, known is {}", version, kVersion));
  }
  if (claims.volume != fid.volume || fid.key < claims.first_key ||
      fid.key.value - claims.first_key.value >= claims.key_count) {
    return Error(
        Errc::kPermissionDenied,
        fmt::format("lease token: covers volume {} keys {}+{}, not {}", claims.volume.value,
                    claims.first_key.value, claims.key_count, to_string(fid)));
  }
  if (now >= claims.expires) {
    return Error(Errc::kPermissionDenied,
                 fmt::format("lease token: expired {} ms ago",
                             milliseconds_of(now) - milliseconds_of(claims.expires)));
  }
  if (claims.generation != generation) {
    return Error(Errc::kConflict,
                 fmt::format("lease token: for generation {}, volume {} has {}",
                             claims.generation.value, claims.volume.value, generation.value));
  }
  return claims;
}

}  // namespace kelp
