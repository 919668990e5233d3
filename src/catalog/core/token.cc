#include "catalog/core/token.h"

#include <chrono>

#include "base/bytes.h"
#include "base/encoding.h"
#include "crypto/seal.h"

namespace kelp::catalog {
namespace {

constexpr std::string_view kAbout = "kelp-iceberg-token-1";

}  // namespace

Sha256 token_key(std::string_view cluster_secret) {
  return hmac_sha256(cluster_secret, "kelp-iceberg-tokens-1");
}

std::string seal_token(const Sha256& key, const Token& token) {
  std::string plain;
  ByteWriter to(plain);
  to.text(token.access_key);
  to.text(token.secret_hash);
  to.fixed(static_cast<std::uint64_t>(token.expires.time_since_epoch().count()));
  return base64_encode(seal(key, plain, kAbout));
}

Result<Token> open_token(const Sha256& key, std::string_view text, WallTime now) {
  const auto sealed = base64_decode(text);
  if (!sealed) return Error(Errc::kPermissionDenied, "the token is not base64");
  KELP_TRY(const std::string plain, open_sealed(key, *sealed, kAbout));
  ByteReader in(plain);
  Token token;
  token.access_key = in.text();
  token.secret_hash = in.text();
  const auto expires = static_cast<std::int64_t>(in.fixed<std::uint64_t>());
  token.expires = WallTime(std::chrono::nanoseconds(expires));
  KELP_CHECK(in.finish("token"));
  if (token.expires <= now) return Error(Errc::kPermissionDenied, "the token has expired");
  return token;
}

}  // namespace kelp::catalog
