#pragma once

#include <array>
#include <string_view>
#include <utility>

#include "s3gw/core/acl.h"

namespace kelp::s3 {

// How grantees are named in headers and in XML (acl.cc, acl_xml.cc).

inline constexpr auto kGroupUris = std::to_array<std::pair<Grantee::Kind, std::string_view>>({
    {Grantee::Kind::kEverybody, "http://acs.amazonaws.com/groups/global/AllUsers"},
    {Grantee::Kind::kAuthenticated, "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"},
    {Grantee::Kind::kLogDelivery, "http://acs.amazonaws.com/groups/s3/LogDelivery"},
});

/// InvalidArgument unless there is such an account.
[[nodiscard]] S3Result<Grantee> account_grantee(std::string_view id, const KnowsAccount& knows);
/// InvalidArgument for an unknown one.
[[nodiscard]] S3Result<Grantee> group_grantee(std::string_view uri);
/// UnresolvableGrantByEmailAddress: accounts have no addresses here.
[[nodiscard]] std::unexpected<S3Error> email_grantee(std::string_view address);
/// InvalidRequest when there are too many grants.
[[nodiscard]] S3Result<void> check_count(const Acl& acl);

}  // namespace kelp::s3
