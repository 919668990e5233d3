#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "s3gw/core/credentials.h"
#include "server/config.h"
#include "server/data_dir.h"

namespace kelp::server {

/// An account's canonical id: 64 hex digits.
[[nodiscard]] std::string account_id(std::string_view cluster_id, std::string_view name);

/// The administrator's key pair and those of `identities`. An account's canonical id follows from
/// the cluster and the account's name, so that changing a key keeps the owner. kInvalidArgument
/// when an identity uses the administrator's access key.
[[nodiscard]] Result<std::unique_ptr<s3::CredentialStore>> make_accounts(
    const ClusterIdentity& cluster, const std::vector<IdentityConfig>& identities);

}  // namespace kelp::server
