#include <fmt/format.h>

#include <algorithm>

#include "iam/core/actions.h"

// What an account has once, and all of it together.

namespace kelp::iam {
namespace {

void entry(s3::XmlWriter& xml, std::string_view key, std::size_t value) {
  xml.open("entry");
  xml.element("key", key);
  xml.element("value", std::uint64_t{value});
  xml.close("entry");
}

void write_inline(s3::XmlWriter& xml, const Entity& entity) {
  const std::string tag = fmt::format("{}PolicyList", title_of(entity.kind));
  xml.open(tag);
  for (const auto& [name, text] : entity.inline_policies) {
    xml.open("member");
    xml.element("PolicyName", name);
    xml.element("PolicyDocument", policy_text(text));
    xml.close("member");
  }
  xml.close(tag);
}

void write_details(Job& job, const Entity& entity) {
  s3::XmlWriter& xml = job.xml;
  xml.open("member");
  write_entity(xml, job.account.number, entity, true);
  write_inline(xml, entity);
  xml.open("AttachedManagedPolicies");
  for (const std::string& arn : entity.attached) {
    const ManagedPolicy* policy = job.account.find_policy(arn);
    if (policy == nullptr) continue;
    xml.open("member");
    xml.element("PolicyName", policy->name);
    xml.element("PolicyArn", arn);
    xml.close("member");
  }
  xml.close("AttachedManagedPolicies");
  if (entity.kind == Kind::kUser) {
    xml.open("GroupList");
    for (const std::string& name : entity.groups) {
      const Entity* group = job.account.find(Kind::kGroup, name);
      if (group != nullptr) xml.element("member", group->name);
    }
    xml.close("GroupList");
  }
  if (entity.kind == Kind::kRole) {
    xml.open("InstanceProfileList");
    xml.close("InstanceProfileList");
  }
  xml.close("member");
}

void write_policy_details(Job& job, std::string_view owner, const ManagedPolicy& policy,
                          PolicyUse use) {
  job.xml.open("member");
  write_policy(job.xml, owner, policy, use, true);
  job.xml.open("PolicyVersionList");
  for (const PolicyVersion& version : policy.versions) {
    job.xml.open("member");
    write_version(job.xml, policy, version, true);
    job.xml.close("member");
  }
  job.xml.close("PolicyVersionList");
  job.xml.close("member");
}

}  // namespace

Outcome<void> get_account_summary(Job& job) {
  const auto uses = policy_uses(job.account);
  std::size_t versions = 0;
  for (const auto& [name, policy] : job.account.policies) versions += policy->versions.size();
  job.xml.open("SummaryMap");
  entry(job.xml, "Users", job.account.entities[0].size());
  entry(job.xml, "UsersQuota", kMaxUsers);
  entry(job.xml, "Groups", job.account.entities[1].size());
  entry(job.xml, "GroupsQuota", kMaxGroups);
  entry(job.xml, "Roles", job.account.entities[2].size());
  entry(job.xml, "RolesQuota", kMaxRoles);
  entry(job.xml, "Policies", job.account.policies.size());
  entry(job.xml, "PoliciesQuota", kMaxPolicies);
  entry(job.xml, "PolicySizeQuota", kMaxPolicyBytes);
  entry(job.xml, "PolicyVersionsInUse", versions);
  entry(job.xml, "VersionsPerPolicyQuota", kMaxVersions);
  entry(job.xml, "AttachedPoliciesPerUserQuota", kMaxAttached);
  entry(job.xml, "AttachedPoliciesPerGroupQuota", kMaxAttached);
  entry(job.xml, "AttachedPoliciesPerRoleQuota", kMaxAttached);
  entry(job.xml, "GroupsPerUserQuota", kMaxGroupsOfUser);
  entry(job.xml, "AccessKeysPerUserQuota", kMaxKeys);
  entry(job.xml, "UserPolicySizeQuota", max_inline_bytes(Kind::kUser));
  entry(job.xml, "GroupPolicySizeQuota", max_inline_bytes(Kind::kGroup));
  entry(job.xml, "RolePolicySizeQuota", max_inline_bytes(Kind::kRole));
  entry(job.xml, "AssumeRolePolicySizeQuota", kMaxTrustBytes);
  entry(job.xml, "Providers", job.account.providers.size());
  entry(job.xml, "AccountAccessKeysPresent", 1);
  entry(job.xml, "AccountMFAEnabled", 0);
  entry(job.xml, "MFADevices", 0);
  entry(job.xml, "MFADevicesInUse", 0);
  entry(job.xml, "ServerCertificates", 0);
  entry(job.xml, "InstanceProfiles", 0);
  job.xml.close("SummaryMap");
  return {};
}

Outcome<void> get_authorization_details(Job& job) {
  static constexpr std::string_view kTags[] = {"UserDetailList", "GroupDetailList",
                                               "RoleDetailList"};
  static constexpr std::string_view kFilters[] = {"User", "Group", "Role"};
  KELP_TRY(const auto filters, job.parameters.list("Filter"));
  const auto wanted = [&filters](std::string_view name) {
    return filters.empty() || std::ranges::find(filters, name) != filters.end();
  };
  KELP_TRY(const Page page, read_page(job.parameters));
  std::size_t left = page.limit;
  std::string last;
  bool more = false;
  // All that there is has one order, in which a page ends somewhere.
  const auto takes = [&](const std::string& place) {
    if (place <= page.after || more) return false;
    if (left == 0) {
      more = true;
      return false;
    }
    --left;
    last = place;
    return true;
  };
  for (std::size_t kind = 0; kind < kKinds; ++kind) {
    job.xml.open(kTags[kind]);
    for (const auto& [name, entity] : job.account.entities[kind]) {
      if (wanted(kFilters[kind]) && takes(fmt::format("{}{}", kind, name))) {
        write_details(job, *entity);
      }
    }
    job.xml.close(kTags[kind]);
  }
  const auto uses = policy_uses(job.account);
  const auto use_of = [&uses](const std::string& arn) {
    const auto at = uses.find(arn);
    return at == uses.end() ? PolicyUse{} : at->second;
  };
  job.xml.open("Policies");
  for (const auto& [name, policy] : job.account.policies) {
    if (wanted("LocalManagedPolicy") && takes("3" + name)) {
      write_policy_details(job, job.account.number, *policy,
                           use_of(arn_of(job.account.number, *policy)));
    }
  }
  for (const auto& [name, policy] : common_policies()) {
    const PolicyUse use = use_of(arn_of(kOfEveryAccount, *policy));
    const bool asked =
        filters.empty() ? use.attachments + use.boundaries > 0 : wanted("AWSManagedPolicy");
    if (asked && takes("4" + name)) write_policy_details(job, kOfEveryAccount, *policy, use);
  }
  job.xml.close("Policies");
  job.xml.element("IsTruncated", more);
  if (more) job.xml.element("Marker", base64_encode(last));
  return {};
}

Outcome<void> create_account_alias(Job& job) {
  const std::string_view alias = job.get("AccountAlias");
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  };
  if (alias.size() < 3 || alias.size() > 63 || !std::ranges::all_of(alias, fits) ||
      alias.starts_with('-') || alias.ends_with('-')) {
    return validation_error("AccountAlias", alias,
                            "Member must have 3 to 63 small letters, digits and hyphens");
  }
  for (const auto& [number, account] : job.model.accounts) {
    if (account->alias == alias && number != job.account.number) {
      return already_exists(fmt::format("The account alias {} already exists.", alias));
    }
  }
  job.changes.puts.push_back({settings_row_key(job.account.number), encode_settings(alias)});
  return {};
}

Outcome<void> delete_account_alias(Job& job) {
  const std::string_view alias = job.get("AccountAlias");
  if (job.account.alias.empty() || job.account.alias != alias) {
    return no_such_entity(fmt::format("The account alias {} does not exist.", alias.substr(0, 64)));
  }
  job.changes.removes.push_back(settings_row_key(job.account.number));
  return {};
}

Outcome<void> list_account_aliases(Job& job) {
  job.xml.open("AccountAliases");
  if (!job.account.alias.empty()) job.xml.element("member", job.account.alias);
  job.xml.close("AccountAliases");
  job.xml.element("IsTruncated", false);
  return {};
}

}  // namespace kelp::iam
