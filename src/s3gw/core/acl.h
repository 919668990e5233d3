#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/http_header.h"
#include "policy/principal.h"
#include "s3gw/core/credentials.h"
#include "s3gw/s3_error.h"

namespace kelp::s3 {

// Access control lists: the older way to say who may do what, by accounts and groups.

/// What a grant allows.
enum class Permission : unsigned char { kFullControl, kRead, kWrite, kReadAcp, kWriteAcp };

/// To whom something is granted.
struct Grantee {
  enum class Kind : unsigned char {
    kAccount,
    kEverybody,      ///< AllUsers: the anonymous too.
    kAuthenticated,  ///< AuthenticatedUsers: whoever signs.
    kLogDelivery,    ///< Who writes access logs.
  };
  Kind kind = Kind::kAccount;
  std::string account;  ///< kAccount: the canonical id.
  friend bool operator==(const Grantee&, const Grantee&) = default;
};

/// A line of a list.
struct Grant {
  Grantee to;
  Permission permission = Permission::kFullControl;
  friend bool operator==(const Grant&, const Grant&) = default;
};

/// What is granted besides what the owner has. At most 100 grants.
struct Acl {
  std::vector<Grant> grants;
  friend bool operator==(const Acl&, const Acl&) = default;
};

/// Whether the list grants something to people whom the owner cannot know.
[[nodiscard]] bool is_public(const Acl& acl);

/// The grant by which `who` has `permission`, full control included, as a policy's naming;
/// `but_public`: grants to the public do not count.
[[nodiscard]] policy::Naming granted(const Acl& acl, const policy::Requester& who,
                                     Permission permission, bool but_public);

/// Who is who, where a list is made. All canonical ids.
struct AclOwners {
  std::string_view owner;         ///< Of what the list is for.
  std::string_view bucket_owner;  ///< The same for a bucket's own list.
};

/// The list of the owner alone: full control.
[[nodiscard]] Acl private_acl(std::string_view owner);
/// "private", "public-read" and so on; InvalidArgument for another name.
[[nodiscard]] S3Result<Acl> canned_acl(std::string_view name, const AclOwners& owners);

/// Whether there is an account of this canonical id.
using KnowsAccount = std::function<bool(std::string_view)>;

/// The list that x-amz-acl or x-amz-grant-… ask for; nothing when there is no such header. Errors:
/// InvalidArgument; InvalidRequest for both kinds; UnresolvableGrantByEmailAddress: no account has
/// an address here.
[[nodiscard]] S3Result<std::optional<Acl>> acl_of_headers(std::span<const HttpHeader> headers,
                                                          const AclOwners& owners,
                                                          const KnowsAccount& knows);
/// An AccessControlPolicy, whose owner must be `owner`. MalformedACLError, InvalidArgument,
/// AccessDenied for another owner, UnresolvableGrantByEmailAddress.
[[nodiscard]] S3Result<Acl> parse_acl(std::string body, std::string_view owner,
                                      const KnowsAccount& knows);

/// The name under which an account is shown.
using NameOf = std::function<std::string(std::string_view)>;
/// The list as an AccessControlPolicy.
[[nodiscard]] std::string acl_xml(const Acl& acl, std::string_view owner, const NameOf& name_of);

/// As a setting or an object's row keeps it: "F=ID;R=*", a letter of the permission and the
/// grantee.
[[nodiscard]] std::string encode_acl(const Acl& acl);
/// Grants that are not understood grant nothing.
[[nodiscard]] Acl decode_acl(std::string_view text);

}  // namespace kelp::s3
