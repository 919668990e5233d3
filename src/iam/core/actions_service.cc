#include <fmt/format.h>

#include "iam/core/actions.h"
#include "s3gw/core/http_date.h"

// Service accounts: keys that act as a user and may at most what it may. AWS has no such thing; the
// answers are written as those of access keys are.

namespace kelp::iam {
namespace {

constexpr std::size_t kMaxServiceNameBytes = 64;

/// Those of a user, by their keys.
std::map<std::string, const ServiceAccount*> services_of(const Account& account,
                                                         const Entity& user) {
  std::map<std::string, const ServiceAccount*> services;
  for (const auto& [key, service] : account.service_accounts) {
    if (service->parent == user.id) services.emplace(service->id, service.get());
  }
  return services;
}

/// The one that AccessKeyId names, of the user that UserName names. NoSuchEntity.
Outcome<const ServiceAccount*> find_service(const Job& job, const Entity& user) {
  const std::string_view id = job.get("AccessKeyId");
  const ServiceAccount* found = job.account.find_service_account(id);
  if (found != nullptr && found->parent == user.id) return found;
  return no_such_entity(
      fmt::format("The service account with id {} cannot be found.", id.substr(0, 128)));
}

/// The parameters that say when it ends; an empty one: never.
Outcome<std::optional<WallTime>> read_expiration(const Job& job) {
  const std::string_view text = job.get("Expiration");
  if (text.empty()) return std::optional<WallTime>();
  const auto time = s3::parse_iso8601(text);
  if (!time) {
    return validation_error("Expiration", text, "Member must be a time, as 2030-01-31T00:00:00Z");
  }
  if (*time <= job.now) return validation_error("Expiration", text, "Member must be in the future");
  return std::optional<WallTime>(time);
}

/// What the parameters say, in `service`; what they do not name stays.
Outcome<void> read_service(const Job& job, ServiceAccount& service) {
  if (const std::string* name = job.parameters.find("Name")) {
    if (!name->empty()) {
      KELP_CHECK(check_name("Name", *name, kMaxServiceNameBytes));
    }
    service.name = *name;
  }
  if (const std::string* text = job.parameters.find("Description")) {
    KELP_CHECK(check_description(*text));
    service.description = *text;
  }
  if (const std::string* json = job.parameters.find("PolicyDocument")) {
    service.policy = {};
    if (!json->empty()) {
      KELP_TRY(service.policy, read_policy(*json, policy::PolicyKind::kIdentity));
    }
    if (counted_bytes(service.policy.json) > kMaxPolicyBytes) {
      return limit_exceeded("PolicySize", kMaxPolicyBytes);
    }
  }
  if (job.parameters.find("Expiration") != nullptr) {
    KELP_TRY(service.expires, read_expiration(job));
  }
  return {};
}

void write_service(Job& job, const Entity& user, const ServiceAccount& service) {
  job.xml.element("UserName", user.name);
  job.xml.element("AccessKeyId", service.id);
  job.xml.element("Status", service.active ? "Active" : "Inactive");
  if (!service.name.empty()) job.xml.element("Name", service.name);
  if (!service.description.empty()) job.xml.element("Description", service.description);
  job.xml.element("CreateDate", service.created);
  if (service.expires) job.xml.element("Expiration", *service.expires);
}

void answer_service(Job& job, const Entity& user, const ServiceAccount& service,
                    std::string_view secret) {
  job.xml.open("ServiceAccount");
  write_service(job, user, service);
  if (!secret.empty()) job.xml.element("SecretAccessKey", secret);
  if (!service.policy.json.empty()) {
    job.xml.element("PolicyDocument", policy_text(service.policy));
  }
  job.xml.close("ServiceAccount");
}

}  // namespace

Outcome<void> create_service_account(Job& job) {
  KELP_TRY(const Entity* user, find_entity(job, Kind::kUser));
  if (services_of(job.account, *user).size() >= kMaxServiceAccounts) {
    return limit_exceeded("ServiceAccountsPerUser", kMaxServiceAccounts);
  }
  ServiceAccount service;
  KELP_CHECK(read_service(job, service));
  service.id = job.new_id("AKSA").substr(0, 20);
  service.parent = user->id;
  service.created = job.now;
  const std::string secret = job.make.token(40);
  service.sealed_secret = job.make.seal(secret, service.id);
  job.put(service);
  answer_service(job, *user, service, secret);
  return {};
}

Outcome<void> update_service_account(Job& job) {
  KELP_TRY(const Entity* user, find_entity(job, Kind::kUser));
  KELP_TRY(const ServiceAccount* found, find_service(job, *user));
  ServiceAccount service = *found;
  KELP_CHECK(read_service(job, service));
  if (const std::string* status = job.parameters.find("Status")) {
    if (*status != "Active" && *status != "Inactive") {
      return validation_error("Status", *status,
                              "Member must satisfy enum value set: [Active, Inactive]");
    }
    service.active = *status == "Active";
  }
  job.put(service);
  answer_service(job, *user, service, {});
  return {};
}

Outcome<void> delete_service_account(Job& job) {
  KELP_TRY(const Entity* user, find_entity(job, Kind::kUser));
  KELP_TRY(const ServiceAccount* found, find_service(job, *user));
  job.remove(*found);
  return {};
}

Outcome<void> get_service_account(Job& job) {
  KELP_TRY(const Entity* user, find_entity(job, Kind::kUser));
  KELP_TRY(const ServiceAccount* found, find_service(job, *user));
  answer_service(job, *user, *found, {});
  return {};
}

Outcome<void> list_service_accounts(Job& job) {
  KELP_TRY(const Entity* user, find_entity(job, Kind::kUser));
  const auto write = [&](const ServiceAccount* service) { write_service(job, *user, *service); };
  return write_page(job, "ServiceAccounts", services_of(job.account, *user), write);
}

}  // namespace kelp::iam
