#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/ids.h"
#include "kelp/result.h"
#include "wire/fid.h"

namespace kelp {

/// What a lease allows: needles with keys [first_key, first_key + key_count) in one generation of
/// one volume, opened before `expires`.
struct LeaseClaims {
  VolumeId volume;
  Generation generation;
  NeedleKey first_key;
  std::uint32_t key_count = 0;
  WallTime expires;  ///< Whole milliseconds count, the rest is cut off.
  friend bool operator==(const LeaseClaims&, const LeaseClaims&) = default;
};

/// Size of a token, in bytes.
inline constexpr std::size_t kLeaseTokenBytes = 61;

/// The claims followed by their HMAC-SHA-256 under the cluster secret, binary
/// (docs/formats/lease-token.md, version 1). Thread-safe.
[[nodiscard]] std::string sign_lease(std::string_view secret, const LeaseClaims& claims);

/// Checks that `token` was signed with `secret` and allows `fid` in `generation` at `now`.
///
/// Returns  the claims, for whoever caches them.
/// Errors   kPermissionDenied: another secret, a changed byte, another volume, a key outside the
///          range, or past its time; kConflict: the token is good and for another generation.
[[nodiscard]] Result<LeaseClaims> verify_lease(std::string_view secret, std::string_view token,
                                               const FileId& fid, Generation generation,
                                               WallTime now);

}  // namespace kelp
