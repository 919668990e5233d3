#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kelp/result.h"
#include "s3gw/core/credentials.h"

namespace kelp::iam {

/// The users of a file in the form of SeaweedFS's s3.json, each key a credential of its own:
///
///     {"identities": [{"name": "app", "credentials": [{"accessKey": "…", "secretKey": "…"}],
///                      "actions": ["Read:bucket", "List", "Write:bucket/prefix/"]}]}
///
/// They are users of the account `owner`, with a policy that says what their actions say. Actions
/// are Admin, Read, Write, List, Tagging, ReadAcp, WriteAcp, each of everything, of a bucket or of
/// a prefix in one. kInvalidArgument, naming the identity, for what is unknown, twice or missing:
/// nothing is guessed. Members of identities besides those are not looked at.
[[nodiscard]] Result<std::vector<s3::Credential>> parse_file_users(std::string_view json,
                                                                   const s3::Account& owner);

}  // namespace kelp::iam
