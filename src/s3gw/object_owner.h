#pragma once

#include <string>

#include "s3gw/call.h"

namespace kelp::s3 {

/// Whose a new object is, and what is granted on it.
struct NewOwner {
  std::string id;   ///< ObjectEntry::owner_id.
  std::string acl;  ///< ObjectHeaders::acl.
};
/// As the bucket's ownership and the request's headers say. AccessControlListNotSupported where
/// lists do not count and more than the owner's control is asked for; AccessDenied for a list that
/// lets in the public where that is blocked; errors of acl_of_headers().
[[nodiscard]] S3Result<NewOwner> new_owner(const Call& call);

/// The access control list that the request asks for by headers or by `body`, an
/// AccessControlPolicy, for what belongs to `owner`; errors as new_owner(), and those of
/// parse_acl(). MissingSecurityHeader when it asks for none.
[[nodiscard]] S3Result<Acl> requested_acl(const Call& call, std::string body,
                                          std::string_view owner);

/// Whether an account is known by its canonical id.
[[nodiscard]] KnowsAccount account_lookup(const Call& call);

}  // namespace kelp::s3
