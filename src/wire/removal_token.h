#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "kelp/result.h"
#include "wire/fid.h"

namespace kelp {

/// Size of a token, in bytes; that of a lease is another one.
inline constexpr std::size_t kRemovalTokenBytes = 57;

/// Allows whoever shows it to remove the needle `fid` before `expires` (whole milliseconds count).
/// Binary (docs/formats/lease-token.md, removal, version 1). Thread-safe.
[[nodiscard]] std::string sign_removal(std::string_view secret, const FileId& fid,
                                       WallTime expires);

/// Checks that `token` was signed with `secret` and allows to remove `fid` at `now`.
/// kPermissionDenied otherwise.
[[nodiscard]] Result<void> verify_removal(std::string_view secret, std::string_view token,
                                          const FileId& fid, WallTime now);

}  // namespace kelp
