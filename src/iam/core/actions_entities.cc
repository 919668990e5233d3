#include <fmt/format.h>

#include "iam/core/actions.h"
#include "policy/context.h"

// Users, groups and roles come, change their names and go.

namespace kelp::iam {
namespace {

using policy::PolicyKind;

constexpr std::size_t kMost[kKinds] = {kMaxUsers, kMaxGroups, kMaxRoles};
constexpr std::string_view kIdPrefixes[kKinds] = {"AIDA", "AGPA", "AROA"};

QueryError taken(Kind kind, std::string_view name) {
  return already_exists(fmt::format("{} with name {} already exists.", title_of(kind), name));
}

/// One that does not exist yet, of the parameters that all kinds have.
Outcome<Entity> begin_entity(const Job& job, Kind kind) {
  const std::size_t index = static_cast<std::size_t>(kind);
  const std::string_view name = job.get(name_parameter(kind));
  KELP_CHECK(check_name(name_parameter(kind), name, max_name_bytes(kind)));
  Entity entity;
  entity.kind = kind;
  entity.name = name;
  if (const std::string* path = job.parameters.find("Path")) entity.path = *path;
  KELP_CHECK(check_path("Path", entity.path));
  if (const Entity* there = job.account.find(kind, name)) return taken(kind, there->name);
  if (job.account.entities[index].size() >= kMost[index]) {
    return limit_exceeded(fmt::format("{}sPerAccount", title_of(kind)), kMost[index]);
  }
  KELP_TRY(entity.tags, job.parameters.tags("Tags"));
  if (const std::string* boundary = job.parameters.find("PermissionsBoundary")) {
    KELP_CHECK(check_policy_arn("PermissionsBoundary", *boundary));
    if (job.account.find_policy(*boundary) == nullptr) {
      return no_such_entity(
          fmt::format("Policy {} does not exist or is not attachable.", *boundary));
    }
    entity.boundary = *boundary;
  }
  entity.id = job.new_id(kIdPrefixes[index]);
  entity.created = job.now;
  return entity;
}

void answer_entity(Job& job, const Entity& entity) {
  job.xml.open(title_of(entity.kind));
  write_entity(job.xml, job.account.number, entity, true);
  job.xml.close(title_of(entity.kind));
}

/// New name and path of a user or group, with every mention of the old one.
Outcome<void> rename(Job& job, Kind kind, std::string_view name_of_new) {
  KELP_TRY(const Entity* found, find_entity(job, kind));
  Entity entity = *found;
  if (const std::string* path = job.parameters.find("NewPath")) {
    KELP_CHECK(check_path("NewPath", *path));
    entity.path = *path;
  }
  if (const std::string* name = job.parameters.find(name_of_new)) {
    KELP_CHECK(check_name(name_of_new, *name, max_name_bytes(kind)));
    const Entity* there = job.account.find(kind, *name);
    if (there != nullptr && there != found) return taken(kind, there->name);
    entity.name = *name;
  }
  const std::string old_name = policy::lower_case(found->name);
  const std::string new_name = policy::lower_case(entity.name);
  if (old_name != new_name) {
    job.remove(*found);
    if (kind == Kind::kGroup) {
      for (const auto& [name, user] : job.account.entities[0]) {
        if (!user->groups.contains(old_name)) continue;
        Entity member = *user;
        member.groups.erase(old_name);
        member.groups.insert(new_name);
        job.put(member);
      }
    }
  }
  job.put(entity);
  return {};
}

/// What an entity still has must go first: nobody loses a policy by mistake.
Outcome<void> check_bare(const Entity& entity) {
  const auto conflict = [](std::string_view what) {
    return delete_conflict(fmt::format("Cannot delete entity, must {} first.", what));
  };
  if (!entity.keys.empty()) return conflict("delete access keys");
  if (!entity.groups.empty()) return conflict("remove users from group");
  if (!entity.attached.empty()) return conflict("detach all policies");
  if (!entity.inline_policies.empty()) return conflict("delete policies");
  return {};
}

std::map<std::string, const Entity*> members_of(const Account& account, const Entity& group) {
  std::map<std::string, const Entity*> members;
  const std::string name = policy::lower_case(group.name);
  for (const auto& [user_name, user] : account.entities[0]) {
    if (user->groups.contains(name)) members.emplace(user_name, user.get());
  }
  return members;
}

Outcome<void> read_role(const Job& job, Entity& role) {
  if (const std::string* text = job.parameters.find("Description")) {
    KELP_CHECK(check_description(*text));
    role.description = *text;
  }
  KELP_TRY(const auto seconds, job.parameters.number("MaxSessionDuration", 3600, 43'200));
  if (seconds) role.max_session_seconds = *seconds;
  return {};
}

Outcome<PolicyText> read_trust(std::string_view json) {
  KELP_TRY(PolicyText trust, read_policy(std::string(json), PolicyKind::kTrust));
  if (counted_bytes(trust.json) > kMaxTrustBytes) {
    return limit_exceeded("ACLSizePerRole", kMaxTrustBytes);
  }
  return trust;
}

}  // namespace

Outcome<void> create_user(Job& job) {
  KELP_TRY(const Entity user, begin_entity(job, Kind::kUser));
  job.put(user);
  answer_entity(job, user);
  return {};
}

Outcome<void> get_user(Job& job) {
  if (job.parameters.find("UserName") == nullptr && job.caller.who.is_root()) {
    job.xml.open("User");
    job.xml.element("Path", "/");
    job.xml.element("UserName", job.caller.account.display_name);
    job.xml.element("UserId", job.account.number);
    job.xml.element("Arn", job.caller.who.arn);
    job.xml.element("CreateDate", WallTime());
    job.xml.close("User");
    return {};
  }
  KELP_TRY(const Entity* user, find_entity(job, Kind::kUser));
  answer_entity(job, *user);
  return {};
}

Outcome<void> update_user(Job& job) {
  return rename(job, Kind::kUser, "NewUserName");
}

Outcome<void> delete_user(Job& job) {
  KELP_TRY(const Entity* user, find_entity(job, Kind::kUser));
  KELP_CHECK(check_bare(*user));
  job.remove(*user);
  // They are nothing without it, and would be nobody's to delete.
  for (const auto& [key, service] : job.account.service_accounts) {
    if (service->parent == user->id) job.remove(*service);
  }
  return {};
}

Outcome<void> create_group(Job& job) {
  KELP_TRY(const Entity group, begin_entity(job, Kind::kGroup));
  job.put(group);
  answer_entity(job, group);
  return {};
}

Outcome<void> get_group(Job& job) {
  KELP_TRY(const Entity* group, find_entity(job, Kind::kGroup));
  answer_entity(job, *group);
  const auto write = [&job](const Entity* user) {
    write_entity(job.xml, job.account.number, *user, false);
  };
  return write_page(job, "Users", members_of(job.account, *group), write);
}

Outcome<void> update_group(Job& job) {
  return rename(job, Kind::kGroup, "NewGroupName");
}

Outcome<void> delete_group(Job& job) {
  KELP_TRY(const Entity* group, find_entity(job, Kind::kGroup));
  if (!members_of(job.account, *group).empty()) {
    return delete_conflict("Cannot delete entity, must remove users from group first.");
  }
  KELP_CHECK(check_bare(*group));
  job.remove(*group);
  return {};
}

Outcome<void> add_user_to_group(Job& job) {
  KELP_TRY(const Entity* group, find_entity(job, Kind::kGroup));
  KELP_TRY(const Entity* found, find_entity(job, Kind::kUser));
  Entity user = *found;
  if (!user.groups.insert(policy::lower_case(group->name)).second) return {};
  if (user.groups.size() > kMaxGroupsOfUser) {
    return limit_exceeded("GroupsPerUser", kMaxGroupsOfUser);
  }
  job.put(user);
  return {};
}

Outcome<void> remove_user_from_group(Job& job) {
  KELP_TRY(const Entity* group, find_entity(job, Kind::kGroup));
  KELP_TRY(const Entity* found, find_entity(job, Kind::kUser));
  Entity user = *found;
  if (user.groups.erase(policy::lower_case(group->name)) == 0) {
    return no_such_entity(fmt::format("User {} is not in group {}.", found->name, group->name));
  }
  job.put(user);
  return {};
}

Outcome<void> list_groups_for_user(Job& job) {
  KELP_TRY(const Entity* user, find_entity(job, Kind::kUser));
  std::map<std::string, const Entity*> groups;
  for (const std::string& name : user->groups) {
    if (const Entity* group = job.account.find(Kind::kGroup, name)) groups.emplace(name, group);
  }
  const auto write = [&job](const Entity* group) {
    write_entity(job.xml, job.account.number, *group, false);
  };
  return write_page(job, "Groups", groups, write);
}

Outcome<void> create_role(Job& job) {
  KELP_TRY(Entity role, begin_entity(job, Kind::kRole));
  KELP_TRY(role.trust, read_trust(job.get("AssumeRolePolicyDocument")));
  KELP_CHECK(read_role(job, role));
  job.put(role);
  answer_entity(job, role);
  return {};
}

Outcome<void> get_role(Job& job) {
  KELP_TRY(const Entity* role, find_entity(job, Kind::kRole));
  answer_entity(job, *role);
  return {};
}

Outcome<void> update_role(Job& job) {
  KELP_TRY(const Entity* found, find_entity(job, Kind::kRole));
  Entity role = *found;
  KELP_CHECK(read_role(job, role));
  job.put(role);
  return {};
}

Outcome<void> update_role_description(Job& job) {
  KELP_TRY(const Entity* found, find_entity(job, Kind::kRole));
  Entity role = *found;
  KELP_CHECK(read_role(job, role));
  job.put(role);
  answer_entity(job, role);
  return {};
}

Outcome<void> update_trust(Job& job) {
  KELP_TRY(const Entity* found, find_entity(job, Kind::kRole));
  Entity role = *found;
  KELP_TRY(role.trust, read_trust(job.get("PolicyDocument")));
  job.put(role);
  return {};
}

Outcome<void> delete_role(Job& job) {
  KELP_TRY(const Entity* role, find_entity(job, Kind::kRole));
  KELP_CHECK(check_bare(*role));
  job.remove(*role);
  return {};
}

}  // namespace kelp::iam
