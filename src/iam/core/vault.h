#pragma once

#include <string>
#include <string_view>

#include "crypto/seal.h"

namespace kelp::iam {

/// Seals the secrets of access keys and the tokens of sessions, each with a key of its own that
/// follows from the cluster's secret: every gateway opens what another one sealed. Thread-safe.
class Vault {
 public:
  explicit Vault(std::string_view cluster_secret);

  /// The secret of the access key `id`, to be stored.
  [[nodiscard]] std::string seal_secret(std::string_view secret, std::string_view id) const;
  /// The reverse; kPermissionDenied when it is not what was sealed for `id` in this cluster.
  [[nodiscard]] Result<std::string> open_secret(std::string_view sealed, std::string_view id) const;

  /// A session (session.h) as a token that clients can carry: base64.
  [[nodiscard]] std::string seal_token(std::string_view session) const;
  /// The reverse; kPermissionDenied when this cluster gave no such token.
  [[nodiscard]] Result<std::string> open_token(std::string_view token) const;

 private:
  Sha256 secrets_;
  Sha256 tokens_;
};

}  // namespace kelp::iam
