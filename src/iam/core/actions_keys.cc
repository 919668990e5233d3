#include <fmt/format.h>

#include <algorithm>

#include "iam/core/actions.h"

// Key pairs of users.

namespace kelp::iam {
namespace {

Outcome<std::size_t> find_key(const Job& job, const Entity& user) {
  const std::string_view id = job.get("AccessKeyId");
  const auto at = std::ranges::find(user.keys, id, &AccessKey::id);
  if (at != user.keys.end()) return static_cast<std::size_t>(at - user.keys.begin());
  return no_such_entity(
      fmt::format("The Access Key with id {} cannot be found.", id.substr(0, 128)));
}

std::string_view status_of(const AccessKey& key) {
  return key.active ? "Active" : "Inactive";
}

}  // namespace

Outcome<void> create_access_key(Job& job) {
  KELP_TRY(const Entity* found, find_entity(job, Kind::kUser));
  if (found->keys.size() >= kMaxKeys) return limit_exceeded("AccessKeysPerUser", kMaxKeys);
  Entity user = *found;
  AccessKey key;
  key.id = job.new_id("AKIA").substr(0, 20);
  const std::string secret = job.make.token(40);
  key.sealed_secret = job.make.seal(secret, key.id);
  key.created = job.now;
  job.xml.open("AccessKey");
  job.xml.element("UserName", user.name);
  job.xml.element("AccessKeyId", key.id);
  job.xml.element("Status", status_of(key));
  job.xml.element("SecretAccessKey", secret);
  job.xml.element("CreateDate", key.created);
  job.xml.close("AccessKey");
  user.keys.push_back(std::move(key));
  job.put(user);
  return {};
}

Outcome<void> update_access_key(Job& job) {
  KELP_TRY(const Entity* found, find_entity(job, Kind::kUser));
  KELP_TRY(const std::size_t at, find_key(job, *found));
  const std::string_view status = job.get("Status");
  if (status != "Active" && status != "Inactive") {
    return validation_error("Status", status,
                            "Member must satisfy enum value set: [Active, Inactive]");
  }
  Entity user = *found;
  user.keys[at].active = status == "Active";
  job.put(user);
  return {};
}

Outcome<void> delete_access_key(Job& job) {
  KELP_TRY(const Entity* found, find_entity(job, Kind::kUser));
  KELP_TRY(const std::size_t at, find_key(job, *found));
  Entity user = *found;
  user.keys.erase(user.keys.begin() + static_cast<std::ptrdiff_t>(at));
  job.put(user);
  return {};
}

Outcome<void> list_access_keys(Job& job) {
  // The root's keys stand in the configuration: there are none to list.
  const bool of_root = job.parameters.find("UserName") == nullptr && job.caller.who.is_root();
  std::map<std::string, const AccessKey*> keys;
  std::string name;
  if (!of_root) {
    KELP_TRY(const Entity* user, find_entity(job, Kind::kUser));
    name = user->name;
    for (const AccessKey& key : user->keys) keys.emplace(key.id, &key);
  }
  const auto write = [&](const AccessKey* key) {
    job.xml.element("UserName", name);
    job.xml.element("AccessKeyId", key->id);
    job.xml.element("Status", status_of(*key));
    job.xml.element("CreateDate", key->created);
  };
  return write_page(job, "AccessKeyMetadata", keys, write);
}

Outcome<void> get_access_key_last_used(Job& job) {
  const std::string_view id = job.get("AccessKeyId");
  for (const auto& [name, user] : job.account.entities[0]) {
    if (std::ranges::find(user->keys, id, &AccessKey::id) == user->keys.end()) continue;
    job.xml.element("UserName", user->name);
    job.xml.open("AccessKeyLastUsed");
    job.xml.element("ServiceName", "N/A");
    job.xml.element("Region", "N/A");
    job.xml.close("AccessKeyLastUsed");
    return {};
  }
  return no_such_entity(
      fmt::format("The Access Key with id {} cannot be found.", id.substr(0, 128)));
}

}  // namespace kelp::iam
