#include "wire/signed_token.h"

#include <fmt/format.h>

#include "base/bytes.h"
#include "crypto/digest.h"

namespace kelp {
namespace {

std::string mac_of(std::string_view secret, std::string_view purpose, std::string_view claims) {
  std::string text(purpose);
  text.append(claims);
  return std::string(view(hmac_sha256(secret, text)));
}

}  // namespace

std::string sign_token(std::string_view secret, std::string_view purpose, std::string claims) {
  return claims + mac_of(secret, purpose, claims);
}

Result<std::string_view> open_token(std::string_view secret, std::string_view purpose,
                                    std::string_view token, std::size_t bytes,
                                    std::string_view what) {
  if (token.size() != bytes) {
    return Error(Errc::kPermissionDenied,
                 fmt::format("{}: {} bytes, not {}", what, token.size(), bytes));
  }
  const std::string_view claims = token.substr(0, bytes - kTokenMacBytes);
  if (!equal_constant_time(mac_of(secret, purpose, claims), token.substr(claims.size()))) {
    return Error(Errc::kPermissionDenied, fmt::format("{}: not signed by this cluster", what));
  }
  return claims;
}

}  // namespace kelp
