#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "iam/core/actions.h"
#include "iam/core/tagging.h"
#include "policy/context.h"

// Managed policies and their versions.

namespace kelp::iam {
namespace {

Outcome<PolicyText> read_document(const Job& job) {
  KELP_TRY(PolicyText text,
           read_policy(std::string(job.get("PolicyDocument")), policy::PolicyKind::kIdentity));
  if (counted_bytes(text.json) > kMaxPolicyBytes) {
    return limit_exceeded("PolicySize", kMaxPolicyBytes);
  }
  return text;
}

/// The version that VersionId names, as "v2".
Outcome<const PolicyVersion*> find_version(const Job& job, const ManagedPolicy& policy) {
  const std::string_view text = job.get("VersionId");
  std::uint32_t number = 0;
  const char* const end = text.data() + text.size();
  if (text.size() > 1 && text[0] == 'v') {
    const auto read = std::from_chars(text.data() + 1, end, number);
    if (read.ec != std::errc() || read.ptr != end) number = 0;
  }
  if (number == 0) return validation_error("VersionId", text, "Member must be v and a number");
  const PolicyVersion* found = policy.version(number);
  if (found != nullptr) return found;
  return no_such_entity(
      fmt::format("Policy {} version {} does not exist.", job.get("PolicyArn"), text));
}

PolicyUse use_of(const Account& account, std::string_view arn) {
  const auto uses = policy_uses(account);
  const auto at = uses.find(arn);
  return at == uses.end() ? PolicyUse{} : at->second;
}

void answer_policy(Job& job, std::string_view owner, const ManagedPolicy& policy) {
  job.xml.open("Policy");
  write_policy(job.xml, owner, policy, use_of(job.account, arn_of(owner, policy)), true);
  job.xml.close("Policy");
}

}  // namespace

Outcome<void> create_policy(Job& job) {
  ManagedPolicy policy;
  policy.name = job.get("PolicyName");
  KELP_CHECK(check_name("PolicyName", policy.name, 128));
  if (const std::string* path = job.parameters.find("Path")) policy.path = *path;
  KELP_CHECK(check_path("Path", policy.path));
  policy.description = job.get("Description");
  KELP_CHECK(check_description(policy.description));
  KELP_TRY(policy.tags, job.parameters.tags("Tags"));
  KELP_TRY(PolicyText text, read_document(job));
  if (job.account.policies.contains(policy::lower_case(policy.name))) {
    return already_exists(
        fmt::format("A policy called {} already exists. Duplicate names are not "
                    "allowed.",
                    policy.name));
  }
  if (job.account.policies.size() >= kMaxPolicies) {
    return limit_exceeded("PoliciesPerAccount", kMaxPolicies);
  }
  policy.id = job.new_id("ANPA");
  policy.created = policy.updated = job.now;
  policy.versions.push_back({1, std::move(text), job.now});
  job.put(policy);
  answer_policy(job, job.account.number, policy);
  return {};
}

Outcome<void> get_policy(Job& job) {
  KELP_TRY(const ManagedPolicy* policy, find_policy(job));
  const bool own = job.get("PolicyArn") == arn_of(job.account.number, *policy);
  answer_policy(job, own ? std::string_view(job.account.number) : kOfEveryAccount, *policy);
  return {};
}

Outcome<void> delete_policy(Job& job) {
  KELP_TRY(const ManagedPolicy* policy, own_policy(job));
  const PolicyUse use = use_of(job.account, job.get("PolicyArn"));
  if (use.attachments + use.boundaries > 0) {
    return delete_conflict("Cannot delete a policy attached to entities.");
  }
  if (policy->versions.size() > 1) {
    return delete_conflict(
        "This policy has more than one version. Before you delete a policy, you must delete the "
        "policy's versions. The default version is deleted with the policy.");
  }
  job.remove(*policy);
  return {};
}

Outcome<void> list_policies(Job& job) {
  const std::string_view scope = job.parameters.find("Scope") == nullptr ? "All" : job.get("Scope");
  if (scope != "All" && scope != "AWS" && scope != "Local") {
    return validation_error("Scope", scope,
                            "Member must satisfy enum value set: [AWS, Local, All]");
  }
  KELP_TRY(const bool only_attached, job.parameters.flag("OnlyAttached", false));
  const std::string prefix(job.parameters.find("PathPrefix") == nullptr ? "/"
                                                                        : job.get("PathPrefix"));
  const std::string_view usage = job.get("PolicyUsageFilter");
  if (!usage.empty() && usage != "PermissionsPolicy" && usage != "PermissionsBoundary") {
    return validation_error("PolicyUsageFilter", usage,
                            "Member must satisfy enum value set: [PermissionsPolicy, "
                            "PermissionsBoundary]");
  }
  struct Row {
    std::string_view owner;
    const ManagedPolicy* policy;
    PolicyUse use;
  };
  const auto uses = policy_uses(job.account);
  std::map<std::string, Row> rows;
  const auto take = [&](const Named<ManagedPolicy>& all, std::string_view owner) {
    for (const auto& [name, policy] : all) {
      const auto at = uses.find(arn_of(owner, *policy));
      const PolicyUse use = at == uses.end() ? PolicyUse{} : at->second;
      if (!policy->path.starts_with(prefix)) continue;
      if (only_attached && use.attachments + use.boundaries == 0) continue;
      if (usage == "PermissionsPolicy" && use.attachments == 0) continue;
      if (usage == "PermissionsBoundary" && use.boundaries == 0) continue;
      rows.emplace(fmt::format("{} {}", name, owner), Row{owner, policy.get(), use});
    }
  };
  if (scope != "AWS") take(job.account.policies, job.account.number);
  if (scope != "Local") take(common_policies(), kOfEveryAccount);
  const auto write = [&job](const Row& row) {
    write_policy(job.xml, row.owner, *row.policy, row.use, false);
  };
  return write_page(job, "Policies", rows, write);
}

Outcome<void> create_policy_version(Job& job) {
  KELP_TRY(const ManagedPolicy* found, own_policy(job));
  KELP_TRY(PolicyText text, read_document(job));
  KELP_TRY(const bool make_default, job.parameters.flag("SetAsDefault", false));
  if (found->versions.size() >= kMaxVersions) {
    return QueryError{
        "LimitExceeded", 409,
        "A managed policy can have up to 5 versions. Before you create a new version, "
        "you must delete an existing version."};
  }
  ManagedPolicy policy = *found;
  policy.versions.push_back({policy.next_version++, std::move(text), job.now});
  const PolicyVersion& version = policy.versions.back();
  if (make_default) policy.default_version = version.number;
  policy.updated = job.now;
  job.put(policy);
  job.xml.open("PolicyVersion");
  write_version(job.xml, policy, version, false);
  job.xml.close("PolicyVersion");
  return {};
}

Outcome<void> get_policy_version(Job& job) {
  KELP_TRY(const ManagedPolicy* policy, find_policy(job));
  KELP_TRY(const PolicyVersion* version, find_version(job, *policy));
  job.xml.open("PolicyVersion");
  write_version(job.xml, *policy, *version, true);
  job.xml.close("PolicyVersion");
  return {};
}

Outcome<void> list_policy_versions(Job& job) {
  KELP_TRY(const ManagedPolicy* policy, find_policy(job));
  std::map<std::string, const PolicyVersion*> versions;  // the newest first
  for (const PolicyVersion& version : policy->versions) {
    versions.emplace(fmt::format("{:010}", UINT32_MAX - version.number), &version);
  }
  const auto write = [&](const PolicyVersion* version) {
    write_version(job.xml, *policy, *version, false);
  };
  return write_page(job, "Versions", versions, write);
}

Outcome<void> delete_policy_version(Job& job) {
  KELP_TRY(const ManagedPolicy* found, own_policy(job));
  KELP_TRY(const PolicyVersion* version, find_version(job, *found));
  if (version->number == found->default_version) {
    return delete_conflict("Cannot delete the default version of a policy.");
  }
  ManagedPolicy policy = *found;
  std::erase_if(policy.versions,
                [version](const PolicyVersion& each) { return each.number == version->number; });
  policy.updated = job.now;
  job.put(policy);
  return {};
}

Outcome<void> set_default_policy_version(Job& job) {
  KELP_TRY(const ManagedPolicy* found, own_policy(job));
  KELP_TRY(const PolicyVersion* version, find_version(job, *found));
  ManagedPolicy policy = *found;
  policy.default_version = version->number;
  policy.updated = job.now;
  job.put(policy);
  return {};
}

Outcome<void> list_entities_for_policy(Job& job) {
  KELP_TRY([[maybe_unused]] const ManagedPolicy* policy, find_policy(job));
  const std::string arn(job.get("PolicyArn"));
  const std::string_view filter = job.get("EntityFilter");
  const std::string_view usage = job.get("PolicyUsageFilter");
  static constexpr std::string_view kFilters[] = {"User", "Group", "Role"};
  if (!filter.empty() && std::ranges::find(kFilters, filter) == std::end(kFilters)) {
    return validation_error("EntityFilter", filter,
                            "Member must satisfy enum value set: [User, Role, Group]");
  }
  // One page over all kinds: AWS marks it as one list, too.
  KELP_TRY(const Page page, read_page(job.parameters));
  std::size_t left = page.limit;
  std::string last;
  bool more = false;
  for (std::size_t kind = 0; kind < kKinds; ++kind) {
    const std::string title(kFilters[kind]);
    job.xml.open(fmt::format("Policy{}s", title));
    for (const auto& [name, entity] : job.account.entities[kind]) {
      const bool attached = usage != "PermissionsBoundary" && entity->attached.contains(arn);
      const bool bounded = usage != "PermissionsPolicy" && entity->boundary == arn;
      const std::string place = fmt::format("{}{}", kind, name);
      if ((!filter.empty() && filter != title) || (!attached && !bounded) || place <= page.after) {
        continue;
      }
      if (left == 0) {
        more = true;
        break;
      }
      --left;
      last = place;
      job.xml.open("member");
      job.xml.element(title + "Name", entity->name);
      job.xml.element(title + "Id", entity->id);
      job.xml.close("member");
    }
    job.xml.close(fmt::format("Policy{}s", title));
  }
  job.xml.element("IsTruncated", more);
  if (more) job.xml.element("Marker", base64_encode(last));
  return {};
}

Outcome<void> tag_policy(Job& job) {
  KELP_TRY(const ManagedPolicy* found, own_policy(job));
  ManagedPolicy policy = *found;
  KELP_CHECK(add_tags(job.parameters, policy.tags));
  job.put(policy);
  return {};
}

Outcome<void> untag_policy(Job& job) {
  KELP_TRY(const ManagedPolicy* found, own_policy(job));
  ManagedPolicy policy = *found;
  KELP_CHECK(remove_tags(job.parameters, policy.tags));
  job.put(policy);
  return {};
}

Outcome<void> list_policy_tags(Job& job) {
  KELP_TRY(const ManagedPolicy* policy, find_policy(job));
  return write_tag_page(job, policy->tags);
}

}  // namespace kelp::iam
