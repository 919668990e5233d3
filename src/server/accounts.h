#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "iam/file_keys.h"
#include "os/file_io.h"
#include "s3gw/core/credentials.h"
#include "server/config.h"
#include "server/data_dir.h"

namespace kelp::server {

/// An account's canonical id: 64 hex digits.
[[nodiscard]] std::string account_id(std::string_view cluster_id, std::string_view name);

/// The administrator's account and those of `identities`.
[[nodiscard]] std::vector<s3::Account> all_accounts(const ClusterIdentity& cluster,
                                                    const std::vector<IdentityConfig>& identities);

/// The administrator's key pair and those of `identities`. An account's canonical id follows from
/// the cluster and the account's name, so that changing a key keeps the owner. kInvalidArgument
/// when an identity uses the administrator's access key, and for a secret key that is printed in
/// the documentation unless S3Config::allow_demo_keys.
[[nodiscard]] Result<std::unique_ptr<s3::CredentialStore>> make_accounts(
    const ClusterIdentity& cluster, const S3Config& config);

/// `roots`, and the users of s3.identities_file when there is one; `io` and `roots` must outlive
/// it. Blocks. Errors of the file, and kInvalidArgument, with its name.
[[nodiscard]] Result<std::unique_ptr<iam::FileKeys>> make_file_keys(
    const ClusterIdentity& cluster, const std::string& file, const s3::CredentialStore& roots,
    FileIo& io);

}  // namespace kelp::server
