#include "iam/core/vault.h"

#include "base/encoding.h"

namespace kelp::iam {
namespace {

constexpr std::string_view kToken = "kelp-session-token-1";

}  // namespace

Vault::Vault(std::string_view cluster_secret)
    : secrets_(hmac_sha256(cluster_secret, "kelp-iam-secrets-1")),
      tokens_(hmac_sha256(cluster_secret, "kelp-iam-tokens-1")) {}

std::string Vault::seal_secret(std::string_view secret, std::string_view id) const {
  return seal(secrets_, secret, id);
}

Result<std::string> Vault::open_secret(std::string_view sealed, std::string_view id) const {
  return open_sealed(secrets_, sealed, id);
}

std::string Vault::seal_token(std::string_view session) const {
  return base64_encode(seal(tokens_, session, kToken));
}

Result<std::string> Vault::open_token(std::string_view token) const {
  const auto sealed = base64_decode(token);
  if (!sealed) return Error(Errc::kPermissionDenied, "the token is not base64");
  return open_sealed(tokens_, *sealed, kToken);
}

}  // namespace kelp::iam
