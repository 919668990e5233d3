#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "iam/core/actions.h"

namespace kelp::iam {
namespace {

using enum Target;
using User = Of<Kind::kUser>;
using Group = Of<Kind::kGroup>;
using Role = Of<Kind::kRole>;

// By name. Source: AWS IAM API Reference, version 2010-05-08; service accounts are Kelp's own.
constexpr auto kActions = std::to_array<Action>({
    {"AddClientIDToOpenIDConnectProvider", "OpenIDConnectProviderArn! ClientID!", kProvider,
     add_client_id},
    {"AddUserToGroup", "GroupName! UserName!", kGroup, add_user_to_group},
    {"AttachGroupPolicy", "GroupName! PolicyArn!", kGroup, Group::attach},
    {"AttachRolePolicy", "RoleName! PolicyArn!", kRole, Role::attach},
    {"AttachUserPolicy", "UserName! PolicyArn!", kUser, User::attach},
    {"CreateAccessKey", "UserName", kUser, create_access_key},
    {"CreateAccountAlias", "AccountAlias!", kNone, create_account_alias},
    {"CreateGroup", "GroupName! Path", kGroup, create_group},
    {"CreateOpenIDConnectProvider", "Url! ClientIDList* ThumbprintList* Tags*", kNewProvider,
     create_provider},
    {"CreatePolicy", "PolicyName! PolicyDocument! Path Description Tags*", kNewPolicy,
     create_policy},
    {"CreatePolicyVersion", "PolicyArn! PolicyDocument! SetAsDefault", kPolicy,
     create_policy_version},
    {"CreateRole",
     "RoleName! AssumeRolePolicyDocument! Path Description MaxSessionDuration PermissionsBoundary "
     "Tags*",
     kRole, create_role},
    {"CreateServiceAccount", "UserName Name Description PolicyDocument Expiration", kUser,
     create_service_account},
    {"CreateUser", "UserName! Path PermissionsBoundary Tags*", kUser, create_user},
    {"DeleteAccessKey", "UserName AccessKeyId!", kUser, delete_access_key},
    {"DeleteAccountAlias", "AccountAlias!", kNone, delete_account_alias},
    {"DeleteGroup", "GroupName!", kGroup, delete_group},
    {"DeleteGroupPolicy", "GroupName! PolicyName!", kGroup, Group::delete_inline},
    {"DeleteOpenIDConnectProvider", "OpenIDConnectProviderArn!", kProvider, delete_provider},
    {"DeletePolicy", "PolicyArn!", kPolicy, delete_policy},
    {"DeletePolicyVersion", "PolicyArn! VersionId!", kPolicy, delete_policy_version},
    {"DeleteRole", "RoleName!", kRole, delete_role},
    {"DeleteRolePermissionsBoundary", "RoleName!", kRole, Role::delete_boundary},
    {"DeleteRolePolicy", "RoleName! PolicyName!", kRole, Role::delete_inline},
    {"DeleteServiceAccount", "UserName AccessKeyId!", kUser, delete_service_account},
    {"DeleteUser", "UserName!", kUser, delete_user},
    {"DeleteUserPermissionsBoundary", "UserName!", kUser, User::delete_boundary},
    {"DeleteUserPolicy", "UserName! PolicyName!", kUser, User::delete_inline},
    {"DetachGroupPolicy", "GroupName! PolicyArn!", kGroup, Group::detach},
    {"DetachRolePolicy", "RoleName! PolicyArn!", kRole, Role::detach},
    {"DetachUserPolicy", "UserName! PolicyArn!", kUser, User::detach},
    {"GetAccessKeyLastUsed", "AccessKeyId!", kNone, get_access_key_last_used},
    {"GetAccountAuthorizationDetails", "Filter* Marker MaxItems", kNone, get_authorization_details},
    {"GetAccountSummary", "", kNone, get_account_summary},
    {"GetGroup", "GroupName! Marker MaxItems", kGroup, get_group},
    {"GetGroupPolicy", "GroupName! PolicyName!", kGroup, Group::get_inline},
    {"GetOpenIDConnectProvider", "OpenIDConnectProviderArn!", kProvider, get_provider},
    {"GetPolicy", "PolicyArn!", kPolicy, get_policy},
    {"GetPolicyVersion", "PolicyArn! VersionId!", kPolicy, get_policy_version},
    {"GetRole", "RoleName!", kRole, get_role},
    {"GetRolePolicy", "RoleName! PolicyName!", kRole, Role::get_inline},
    {"GetServiceAccount", "UserName AccessKeyId!", kUser, get_service_account},
    {"GetUser", "UserName", kUser, get_user},
    {"GetUserPolicy", "UserName! PolicyName!", kUser, User::get_inline},
    {"ListAccessKeys", "UserName Marker MaxItems", kUser, list_access_keys},
    {"ListAccountAliases", "Marker MaxItems", kNone, list_account_aliases},
    {"ListAttachedGroupPolicies", "GroupName! PathPrefix Marker MaxItems", kGroup,
     Group::list_attached},
    {"ListAttachedRolePolicies", "RoleName! PathPrefix Marker MaxItems", kRole,
     Role::list_attached},
    {"ListAttachedUserPolicies", "UserName! PathPrefix Marker MaxItems", kUser,
     User::list_attached},
    {"ListEntitiesForPolicy",
     "PolicyArn! EntityFilter PathPrefix PolicyUsageFilter Marker MaxItems", kPolicy,
     list_entities_for_policy},
    {"ListGroupPolicies", "GroupName! Marker MaxItems", kGroup, Group::list_inline},
    {"ListGroups", "PathPrefix Marker MaxItems", kGroups, Group::list},
    {"ListGroupsForUser", "UserName! Marker MaxItems", kUser, list_groups_for_user},
    {"ListOpenIDConnectProviderTags", "OpenIDConnectProviderArn! Marker MaxItems", kProvider,
     list_provider_tags},
    {"ListOpenIDConnectProviders", "", kNone, list_providers},
    {"ListPolicies", "Scope OnlyAttached PathPrefix PolicyUsageFilter Marker MaxItems", kNone,
     list_policies},
    {"ListPolicyTags", "PolicyArn! Marker MaxItems", kPolicy, list_policy_tags},
    {"ListPolicyVersions", "PolicyArn! Marker MaxItems", kPolicy, list_policy_versions},
    {"ListRolePolicies", "RoleName! Marker MaxItems", kRole, Role::list_inline},
    {"ListRoleTags", "RoleName! Marker MaxItems", kRole, Role::list_tags},
    {"ListRoles", "PathPrefix Marker MaxItems", kRoles, Role::list},
    {"ListServiceAccounts", "UserName Marker MaxItems", kUser, list_service_accounts},
    {"ListUserPolicies", "UserName! Marker MaxItems", kUser, User::list_inline},
    {"ListUserTags", "UserName! Marker MaxItems", kUser, User::list_tags},
    {"ListUsers", "PathPrefix Marker MaxItems", kUsers, User::list},
    {"PutGroupPolicy", "GroupName! PolicyName! PolicyDocument!", kGroup, Group::put_inline},
    {"PutRolePermissionsBoundary", "RoleName! PermissionsBoundary!", kRole, Role::put_boundary},
    {"PutRolePolicy", "RoleName! PolicyName! PolicyDocument!", kRole, Role::put_inline},
    {"PutUserPermissionsBoundary", "UserName! PermissionsBoundary!", kUser, User::put_boundary},
    {"PutUserPolicy", "UserName! PolicyName! PolicyDocument!", kUser, User::put_inline},
    {"RemoveClientIDFromOpenIDConnectProvider", "OpenIDConnectProviderArn! ClientID!", kProvider,
     remove_client_id},
    {"RemoveUserFromGroup", "GroupName! UserName!", kGroup, remove_user_from_group},
    {"SetDefaultPolicyVersion", "PolicyArn! VersionId!", kPolicy, set_default_policy_version},
    {"TagOpenIDConnectProvider", "OpenIDConnectProviderArn! Tags*", kProvider, tag_provider},
    {"TagPolicy", "PolicyArn! Tags*", kPolicy, tag_policy},
    {"TagRole", "RoleName! Tags*", kRole, Role::tag},
    {"TagUser", "UserName! Tags*", kUser, User::tag},
    {"UntagOpenIDConnectProvider", "OpenIDConnectProviderArn! TagKeys*", kProvider, untag_provider},
    {"UntagPolicy", "PolicyArn! TagKeys*", kPolicy, untag_policy},
    {"UntagRole", "RoleName! TagKeys*", kRole, Role::untag},
    {"UntagUser", "UserName! TagKeys*", kUser, User::untag},
    {"UpdateAccessKey", "UserName AccessKeyId! Status!", kUser, update_access_key},
    {"UpdateAssumeRolePolicy", "RoleName! PolicyDocument!", kRole, update_trust},
    {"UpdateGroup", "GroupName! NewGroupName NewPath", kGroup, update_group},
    {"UpdateOpenIDConnectProviderThumbprint", "OpenIDConnectProviderArn! ThumbprintList*",
     kProvider, update_thumbprints},
    {"UpdateRole", "RoleName! Description MaxSessionDuration", kRole, update_role},
    {"UpdateRoleDescription", "RoleName! Description!", kRole, update_role_description},
    {"UpdateServiceAccount",
     "UserName AccessKeyId! Name Description PolicyDocument Status Expiration", kUser,
     update_service_account},
    {"UpdateUser", "UserName! NewUserName NewPath", kUser, update_user},
});
static_assert(std::ranges::is_sorted(kActions, {}, &Action::name));
static_assert(kActions.size() >= 60);

/// Of one that is there as it is named there; else as it would be.
std::string entity_resource(const Job& job, Kind kind) {
  const std::string* given = job.parameters.find(name_parameter(kind));
  if (given == nullptr && job.caller.user_name.empty()) {
    return job.caller.who.arn;
  }
  const std::string& name = given == nullptr ? job.caller.user_name : *given;
  if (const Entity* found = job.account.find(kind, name)) return arn_of(job.account.number, *found);
  const std::string* path = job.parameters.find("Path");
  return entity_arn(job.account.number, kind, path == nullptr ? "/" : *path, name);
}

std::string list_resource(const Job& job, Kind kind) {
  const std::string* prefix = job.parameters.find("PathPrefix");
  return entity_arn(job.account.number, kind, prefix == nullptr ? "/" : *prefix, "");
}

}  // namespace

std::span<const Action> iam_actions() {
  return kActions;
}

const Action* find_action(std::string_view name) {
  const auto* const at = std::ranges::lower_bound(kActions, name, {}, &Action::name);
  return at != kActions.end() && at->name == name ? at : nullptr;
}

std::string resource_of(const Action& action, const Job& job) {
  switch (action.target) {
    case kNone:
      return "*";
    case kUser:
      return entity_resource(job, Kind::kUser);
    case kGroup:
      return entity_resource(job, Kind::kGroup);
    case kRole:
      return entity_resource(job, Kind::kRole);
    case kPolicy:
      return std::string(job.get("PolicyArn"));
    case kNewPolicy: {
      const std::string* path = job.parameters.find("Path");
      return fmt::format("arn:aws:iam::{}:policy{}{}", job.account.number,
                         path == nullptr ? "/" : *path, job.get("PolicyName"));
    }
    case kProvider:
      return std::string(job.get("OpenIDConnectProviderArn"));
    case kNewProvider: {
      std::string_view url = job.get("Url");
      url.remove_prefix(std::min(
          url.size(), url.find("://") == std::string_view::npos ? 0 : url.find("://") + 3));
      return fmt::format("arn:aws:iam::{}:oidc-provider/{}", job.account.number, url);
    }
    case kUsers:
      return list_resource(job, Kind::kUser);
    case kGroups:
      return list_resource(job, Kind::kGroup);
    case kRoles:
      return list_resource(job, Kind::kRole);
  }
  return "*";
}

}  // namespace kelp::iam
