#pragma once

#include <span>
#include <string_view>

#include "iam/core/job.h"

namespace kelp::iam {

/// What an action is asked to be allowed on.
enum class Target : std::uint8_t {
  kNone,         ///< "*".
  kUser,         ///< The user that UserName names, or the caller.
  kGroup,        ///< GroupName.
  kRole,         ///< RoleName.
  kPolicy,       ///< PolicyArn.
  kNewPolicy,    ///< PolicyName and Path.
  kProvider,     ///< OpenIDConnectProviderArn.
  kNewProvider,  ///< Url.
  kUsers,        ///< A path of users, PathPrefix.
  kGroups,       ///< Of groups.
  kRoles,        ///< Of roles.
};

/// One action of the query API: what it takes, on what it acts, and who does it. Such a function
/// reads the job's model and parameters, and fills in its answer and changes.
struct Action {
  std::string_view name;
  std::string_view parameters;  ///< See Parameters::check().
  Target target = Target::kNone;
  Outcome<void> (*run)(Job&) = nullptr;
};

/// Of IAM, version 2010-05-08, by name.
[[nodiscard]] std::span<const Action> iam_actions();
/// Null when there is none of the name.
[[nodiscard]] const Action* find_action(std::string_view name);
/// The resource that permission is asked for.
[[nodiscard]] std::string resource_of(const Action& action, const Job& job);

/// Users, groups and roles; the table says what each takes.
Outcome<void> create_user(Job& job);
Outcome<void> get_user(Job& job);
Outcome<void> update_user(Job& job);
Outcome<void> delete_user(Job& job);
Outcome<void> create_group(Job& job);
Outcome<void> get_group(Job& job);
Outcome<void> update_group(Job& job);
Outcome<void> delete_group(Job& job);
Outcome<void> add_user_to_group(Job& job);
Outcome<void> remove_user_from_group(Job& job);
Outcome<void> list_groups_for_user(Job& job);
Outcome<void> create_role(Job& job);
Outcome<void> get_role(Job& job);
Outcome<void> update_role(Job& job);
Outcome<void> update_role_description(Job& job);
Outcome<void> update_trust(Job& job);
Outcome<void> delete_role(Job& job);

/// Key pairs of users.
Outcome<void> create_access_key(Job& job);
Outcome<void> update_access_key(Job& job);
Outcome<void> delete_access_key(Job& job);
Outcome<void> list_access_keys(Job& job);
Outcome<void> get_access_key_last_used(Job& job);

/// Keys that act as a user and may at most what it may: actions of Kelp's own.
Outcome<void> create_service_account(Job& job);
Outcome<void> update_service_account(Job& job);
Outcome<void> delete_service_account(Job& job);
Outcome<void> get_service_account(Job& job);
Outcome<void> list_service_accounts(Job& job);

/// Managed policies.
Outcome<void> create_policy(Job& job);
Outcome<void> get_policy(Job& job);
Outcome<void> delete_policy(Job& job);
Outcome<void> list_policies(Job& job);
Outcome<void> create_policy_version(Job& job);
Outcome<void> get_policy_version(Job& job);
Outcome<void> list_policy_versions(Job& job);
Outcome<void> delete_policy_version(Job& job);
Outcome<void> set_default_policy_version(Job& job);
Outcome<void> list_entities_for_policy(Job& job);
Outcome<void> tag_policy(Job& job);
Outcome<void> untag_policy(Job& job);
Outcome<void> list_policy_tags(Job& job);

/// What an account has once, and all of it.
Outcome<void> get_account_summary(Job& job);
Outcome<void> get_authorization_details(Job& job);
Outcome<void> create_account_alias(Job& job);
Outcome<void> delete_account_alias(Job& job);
Outcome<void> list_account_aliases(Job& job);

/// Identity providers.
Outcome<void> create_provider(Job& job);
Outcome<void> get_provider(Job& job);
Outcome<void> delete_provider(Job& job);
Outcome<void> list_providers(Job& job);
Outcome<void> add_client_id(Job& job);
Outcome<void> remove_client_id(Job& job);
Outcome<void> update_thumbprints(Job& job);
Outcome<void> tag_provider(Job& job);
Outcome<void> untag_provider(Job& job);
Outcome<void> list_provider_tags(Job& job);

/// Of users, groups and roles alike.
template <Kind kind>
struct Of {
  static Outcome<void> list(Job& job);
  static Outcome<void> put_inline(Job& job);
  static Outcome<void> get_inline(Job& job);
  static Outcome<void> delete_inline(Job& job);
  static Outcome<void> list_inline(Job& job);
  static Outcome<void> attach(Job& job);
  static Outcome<void> detach(Job& job);
  static Outcome<void> list_attached(Job& job);
  static Outcome<void> put_boundary(Job& job);
  static Outcome<void> delete_boundary(Job& job);
  static Outcome<void> tag(Job& job);
  static Outcome<void> untag(Job& job);
  static Outcome<void> list_tags(Job& job);
};

}  // namespace kelp::iam
