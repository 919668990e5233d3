#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "kelp/result.h"

namespace kelp {

// Tokens that daemons of one cluster sign for each other: claims, and an HMAC-SHA256 over them.

/// Behind the claims.
inline constexpr std::size_t kTokenMacBytes = 32;

/// `claims` with their signature. `purpose` keeps this use of the secret apart from every other.
[[nodiscard]] std::string sign_token(std::string_view secret, std::string_view purpose,
                                     std::string claims);

/// The claims of a token that must have `bytes` bytes, its signature included; points into it.
/// kPermissionDenied, beginning with `what`, for another length or signature.
[[nodiscard]] Result<std::string_view> open_token(std::string_view secret, std::string_view purpose,
                                                  std::string_view token, std::size_t bytes,
                                                  std::string_view what);

}  // namespace kelp
