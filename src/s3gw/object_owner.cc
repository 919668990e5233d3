#include "s3gw/object_owner.h"

#include "s3gw/s3_try.h"

namespace kelp::s3 {
namespace {

/// Whether the list may be set in this bucket.
S3Result<void> check_acl(const BucketAccess& access, const Acl& acl, std::string_view owner) {
  const std::string& bucket_owner = access.bucket.owner_id;
  const bool owners_alone = acl == private_acl(owner) || acl == private_acl(bucket_owner);
  if (!access.has_acls() && !owners_alone) {
    return s3_error(S3Code::kAccessControlListNotSupported);
  }
  if (access.blocked().block_acls && is_public(acl)) return s3_error(S3Code::kAccessDenied);
  return {};
}

/// Whether all that the list says beside the writer is that the bucket's owner has full control.
bool hands_over(const Acl& acl, std::string_view bucket_owner) {
  const Grant grant{{Grantee::Kind::kAccount, std::string(bucket_owner)}, Permission::kFullControl};
  return std::ranges::find(acl.grants, grant) != acl.grants.end();
}

}  // namespace

KnowsAccount account_lookup(const Call& call) {
  return [&accounts = call.services.deps.credentials](std::string_view id) {
    return accounts.find_account(id) != nullptr;
  };
}

S3Result<NewOwner> new_owner(const Call& call) {
  const BucketAccess& access = *call.access;
  const std::string& bucket_owner = access.bucket.owner_id;
  // Where lists do not count the writer's own grants would be the bucket owner's.
  const std::string& writer = access.has_acls() ? call.account().id : bucket_owner;
  const AclOwners owners{.owner = writer, .bucket_owner = bucket_owner};
  KELP_S3_TRY(const auto acl, acl_of_headers(call.headers, owners, account_lookup(call)));
  if (acl) {
    KELP_S3_CHECK(check_acl(access, *acl, writer));
  }
  if (!access.has_acls()) return NewOwner{bucket_owner, {}};
  const bool preferred = access.ownership == ObjectOwnership::kBucketOwnerPreferred;
  if (preferred && acl && hands_over(*acl, bucket_owner)) return NewOwner{bucket_owner, {}};
  NewOwner made{.id = writer, .acl = {}};
  if (acl && *acl != private_acl(writer)) made.acl = encode_acl(*acl);
  return made;
}

S3Result<Acl> requested_acl(const Call& call, std::string body, std::string_view owner) {
  const BucketAccess& access = *call.access;
  const AclOwners owners{.owner = owner, .bucket_owner = access.bucket.owner_id};
  KELP_S3_TRY(std::optional<Acl> acl, acl_of_headers(call.headers, owners, account_lookup(call)));
  if (acl && !body.empty()) {
    return s3_error(S3Code::kUnexpectedContent);
  }
  if (!acl && body.empty()) {
    return std::unexpected(
        S3Error{S3Code::kMissingSecurityHeader, {}, {{"MissingHeaderName", "x-amz-acl"}}});
  }
  if (!acl) {
    KELP_S3_TRY(acl, parse_acl(std::move(body), owner, account_lookup(call)));
  }
  KELP_S3_CHECK(check_acl(access, *acl, owner));
  return *std::move(acl);
}

}  // namespace kelp::s3
