#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "crypto/digest.h"
#include "kelp/result.h"

namespace kelp::catalog {

/// What a bearer token says: whose it is. It is kept nowhere; every gateway of a cluster opens what
/// another one sealed.
struct Token {
  std::string access_key;
  std::string secret_hash;  ///< SHA-256 of the key's secret: another secret makes it void.
  WallTime expires;
};

/// The key that tokens are sealed with; it follows from the cluster's secret.
[[nodiscard]] Sha256 token_key(std::string_view cluster_secret);
/// A token as clients carry it: base64.
[[nodiscard]] std::string seal_token(const Sha256& key, const Token& token);
/// The reverse. kPermissionDenied when this cluster gave no such token, or it has expired.
[[nodiscard]] Result<Token> open_token(const Sha256& key, std::string_view text, WallTime now);

}  // namespace kelp::catalog
