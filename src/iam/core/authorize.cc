#include "iam/core/authorize.h"

#include <fmt/format.h>

#include "s3gw/core/http_date.h"

namespace kelp::iam {
namespace {

std::string_view type_of(const s3::Credential& caller) {
  if (caller.who.is_root()) return "Account";
  if (!caller.who.role_arn.empty()) return "AssumedRole";
  return caller.who.arn.contains(":federated-user/") ? "FederatedUser" : "User";
}

/// Those of what the request is about.
void add_tags(const std::vector<Tag>& tags, policy::Context& context) {
  for (const Tag& tag : tags) {
    context.add("aws:ResourceTag/" + tag.key, tag.value);
    context.add("iam:ResourceTag/" + tag.key, tag.value);
  }
}

/// What the request itself names, under the keys by which policies ask for it.
void add_parameters(const Action& action, const Job& job, policy::Context& context) {
  const auto add = [&](std::string_view key, std::string_view parameter) {
    const std::string* value = job.parameters.find(parameter);
    if (value != nullptr) context.add(key, *value);
  };
  if (action.name.starts_with("Attach") || action.name.starts_with("Detach")) {
    add("iam:PolicyARN", "PolicyArn");
  }
  add("iam:PermissionsBoundary", "PermissionsBoundary");
  if (const auto tags = job.parameters.tags("Tags")) {
    for (const Tag& tag : *tags) {
      context.add("aws:RequestTag/" + tag.key, tag.value);
      context.add("aws:TagKeys", tag.key);
    }
  }
  if (const auto keys = job.parameters.list("TagKeys")) {
    for (const std::string& key : *keys) context.add("aws:TagKeys", key);
  }
  if (action.target == Target::kPolicy) {
    const ManagedPolicy* found = job.account.find_policy(job.get("PolicyArn"));
    if (found != nullptr) add_tags(found->tags, context);
  }
  if (action.target == Target::kProvider) {
    const Provider* found = job.account.find_provider(job.get("OpenIDConnectProviderArn"));
    if (found != nullptr) add_tags(found->tags, context);
  }
  if (action.target != Target::kUser && action.target != Target::kRole) return;
  const Kind kind = action.target == Target::kUser ? Kind::kUser : Kind::kRole;
  const std::string* name = job.parameters.find(name_parameter(kind));
  const Entity* entity = job.account.find(kind, name == nullptr ? job.caller.user_name : *name);
  if (entity == nullptr) return;
  // Whoever has a boundary: a change of its policies can be made to require it.
  if (!entity->boundary.empty() && job.parameters.find("PermissionsBoundary") == nullptr) {
    context.add("iam:PermissionsBoundary", entity->boundary);
  }
  add_tags(entity->tags, context);
}

/// Whether the caller is a service account, which changes no identities: with a policy that allows
/// that it could give itself what it was not given.
bool is_service_account(const Job& job) {
  return job.account.find_service_account(job.caller.access_key) != nullptr;
}
bool reads_only(const Action& action) {
  return action.name.starts_with("Get") || action.name.starts_with("List");
}

/// Whether it is about service accounts of the caller itself, who uses a lasting key: that needs no
/// allowance, since they may not more than it may.
bool is_own_service(const Action& action, const Job& job) {
  if (!action.name.contains("ServiceAccount") || is_service_account(job)) return false;
  if (job.caller.user_id.empty() || !job.caller.session_token.empty()) return false;
  const std::string* name = job.parameters.find("UserName");
  const Entity* user =
      job.account.find(Kind::kUser, name == nullptr ? job.caller.user_name : *name);
  return user != nullptr && user->id == job.caller.user_id;
}

}  // namespace

policy::Request request_of(const s3::Credential& caller, std::string_view action,
                           std::string resource, WallTime now, const Surroundings& around) {
  policy::Request request;
  request.who = caller.who;
  request.action = policy::lower_case(action);
  request.resource = std::move(resource);
  policy::Context& context = request.context;
  const auto seconds = std::chrono::floor<std::chrono::seconds>(now);
  context.add("aws:CurrentTime", s3::iso8601_seconds(seconds));
  context.add("aws:EpochTime", std::to_string(seconds.time_since_epoch().count()));
  context.add("aws:SecureTransport", around.secure ? "true" : "false");
  if (!around.source_ip.empty()) context.add("aws:SourceIp", around.source_ip);
  if (!around.user_agent.empty()) context.add("aws:UserAgent", around.user_agent);
  if (caller.who.anonymous()) return request;
  context.add("aws:PrincipalArn",
              caller.who.role_arn.empty() ? caller.who.arn : caller.who.role_arn);
  context.add("aws:PrincipalAccount", caller.who.account);
  context.add("aws:PrincipalType", std::string(type_of(caller)));
  context.add("aws:userid", caller.user_id.empty() ? caller.who.account : caller.user_id);
  if (!caller.user_name.empty()) context.add("aws:username", caller.user_name);
  if (!caller.source_identity.empty()) context.add("aws:SourceIdentity", caller.source_identity);
  for (const auto& [key, value] : caller.tags) context.add("aws:PrincipalTag/" + key, value);
  return request;
}

Outcome<void> authorize(const Action& action, const Job& job, const Surroundings& around) {
  const std::string name = fmt::format("iam:{}", action.name);
  policy::Request request = request_of(job.caller, name, resource_of(action, job), job.now, around);
  add_parameters(action, job, request.context);
  const s3::Permissions& may = job.caller.permissions;
  policy::Policies policies{may.identity, may.boundary, may.session, nullptr};
  if (is_service_account(job) && !reads_only(action)) {
    return access_denied(fmt::format("A service account may not perform: {}", name));
  }
  if (is_own_service(action, job)) {
    policies.identity.push_back(
        common_policies().at("administratoraccess")->current().text.compiled);
  }
  if (policy::allows(policies, request, job.account.number)) return {};
  return not_authorized(request, name);
}

QueryError not_authorized(const policy::Request& request, std::string_view action) {
  return access_denied(fmt::format("User: {} is not authorized to perform: {} on resource: {}",
                                   request.who.anonymous() ? "anonymous" : request.who.arn, action,
                                   request.resource));
}

}  // namespace kelp::iam
