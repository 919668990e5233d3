#include "iam/core/sts.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "policy/arn.h"

namespace kelp::iam {
namespace {

constexpr std::uint32_t kShortest = 900;
constexpr std::uint32_t kLongestOfUser = 129'600;
constexpr std::uint32_t kUsualOfUser = 43'200;
constexpr std::uint32_t kLongestChained = 3600;

bool is_session(const s3::Credential& caller) {
  return !caller.session_token.empty();
}

/// A session of a user would not be cut down as the service account is, nor end with it.
bool is_service_account(const StsJob& job) {
  const Account* account = job.model.find(job.caller.who.account);
  return account != nullptr && account->find_service_account(job.caller.access_key) != nullptr;
}

/// The policies of the parameters Policy and PolicyArns, as one. `account` owns those of an ARN.
Outcome<std::string> session_policy(const StsJob& job, const Account* account) {
  std::vector<std::string> policies;
  if (const std::string* json = job.parameters.find("Policy")) {
    KELP_TRY(const PolicyText text, read_policy(*json, policy::PolicyKind::kIdentity));
    if (counted_bytes(text.json) > kMaxSessionPolicyBytes) {
      return QueryError{
          "PackedPolicyTooLarge", 400,
          fmt::format("The session policy has more than {} bytes.", kMaxSessionPolicyBytes)};
    }
    policies.push_back(text.json);
  }
  KELP_TRY(const auto arns, job.parameters.list("PolicyArns", ".arn"));
  if (arns.size() > kMaxAttached) {
    return validation_error("PolicyArns", std::to_string(arns.size()),
                            "Member must have length less than or equal to 10");
  }
  static const Account kNone;
  for (const std::string& arn : arns) {
    KELP_CHECK(check_policy_arn("PolicyArns", arn));
    const ManagedPolicy* found = (account == nullptr ? kNone : *account).find_policy(arn);
    if (found == nullptr) {
      return no_such_entity(fmt::format("Policy {} does not exist or is not attachable.", arn));
    }
    policies.push_back(found->current().text.json);
  }
  if (policies.empty()) return std::string();
  auto merged = merge_policies(policies);
  if (!merged) return malformed_policy(merged.error().detail());
  return *std::move(merged);
}

/// A session that begins now.
Session begin_session(const StsJob& job, SessionKind kind, std::uint32_t seconds) {
  Session session;
  session.kind = kind;
  session.access_key = "ASIA" + job.token(16);
  for (char& c : session.access_key) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  session.secret_key = job.token(40);
  session.issued = job.now;
  session.expires =
      std::chrono::floor<std::chrono::seconds>(job.now) + std::chrono::seconds(seconds);
  // A role that a service account takes does not outlive it.
  if (is_service_account(job) && job.caller.expires) {
    session.expires = std::min(session.expires, *job.caller.expires);
  }
  return session;
}

void write_credentials(StsJob& job, const Session& session) {
  job.xml.open("Credentials");
  job.xml.element("AccessKeyId", session.access_key);
  job.xml.element("SecretAccessKey", session.secret_key);
  job.xml.element("SessionToken", job.seal(session));
  job.xml.element("Expiration", session.expires);
  job.xml.close("Credentials");
}

Outcome<void> check_session_name(std::string_view parameter, std::string_view name,
                                 std::size_t most) {
  if (name.size() < 2) {
    return validation_error(parameter, name, "Member must have length greater than or equal to 2");
  }
  return check_name(parameter, name, most);
}

/// The role that RoleArn names, and whose it is.
struct FoundRole {
  const Account* account = nullptr;
  const Entity* role = nullptr;
};
Outcome<FoundRole> find_role(const StsJob& job) {
  const std::string_view arn = job.parameters.get("RoleArn");
  if (!arn.starts_with("arn:aws:iam::") || !arn.contains(":role/") || arn.size() > 2048) {
    return validation_error("RoleArn", arn, "Member must be the ARN of a role");
  }
  FoundRole found;
  found.account = job.model.find(account_of(arn));
  if (found.account == nullptr) return found;
  found.role = found.account->find(Kind::kRole, arn.substr(arn.rfind('/') + 1));
  if (found.role != nullptr && arn_of(found.account->number, *found.role) != arn) {
    found.role = nullptr;
  }
  return found;
}

Outcome<std::uint32_t> role_seconds(const StsJob& job, const Entity& role) {
  KELP_TRY(const auto asked, job.parameters.number("DurationSeconds", kShortest, 43'200));
  const std::uint32_t seconds = asked.value_or(3600);
  const bool chained = !job.caller.who.role_arn.empty();
  const std::uint32_t most =
      chained ? std::min(role.max_session_seconds, kLongestChained) : role.max_session_seconds;
  if (seconds <= most) return seconds;
  return {QueryError{"ValidationError", 400,
                     "The requested DurationSeconds exceeds the MaxSessionDuration set for this "
                     "role."}};
}

/// Whether the role's trust and the caller's own policies let it take the role. Unlike elsewhere
/// even a root must be named by the trust.
bool may_assume(const policy::Request& request, const s3::Credential& caller, const Entity& role,
                std::string_view owner) {
  if (role.trust.compiled == nullptr) return false;
  if (role.trust.compiled->evaluate(request).allowed == policy::Naming::kNot) return false;
  const s3::Permissions& may = caller.permissions;
  const policy::Policies policies{may.identity, may.boundary, may.session, role.trust.compiled};
  return policy::allows(policies, request, owner);
}

/// What a session of a role has along besides its permissions.
struct Along {
  std::vector<Tag> tags;  ///< With those that are inherited.
  std::vector<std::string> transitive_tags;
  std::string source_identity;
};

QueryError invalid_parameter(std::string message) {
  return {"InvalidParameterValue", 400, std::move(message)};
}

/// The request's tags, and those that the calling session hands on.
Outcome<void> find_tags(const StsJob& job, Along& along) {
  const auto has = [&along](std::string_view key) {
    const std::string lower = policy::lower_case(key);
    return std::ranges::any_of(
        along.tags, [&lower](const Tag& tag) { return policy::lower_case(tag.key) == lower; });
  };
  KELP_TRY(along.tags, job.parameters.tags("Tags"));
  KELP_TRY(const auto keys, job.parameters.list("TransitiveTagKeys"));
  for (const Tag& tag : along.tags) {
    const auto named = [&tag](const std::string& key) {
      return policy::lower_case(key) == policy::lower_case(tag.key);
    };
    if (std::ranges::any_of(keys, named)) along.transitive_tags.push_back(tag.key);
  }
  if (!std::ranges::all_of(keys, has)) {
    return invalid_parameter(
        "The specified transitive tag key must be included in the requested tags.");
  }
  for (const auto& [key, value] : job.caller.transitive_tags) {
    if (has(key)) {
      return invalid_parameter(
          "One of the specified transitive tag keys can't be set because it conflicts with a "
          "transitive tag key from the calling session.");
    }
    along.tags.push_back({key, value});
    along.transitive_tags.push_back(key);
  }
  if (along.tags.size() <= kMaxTags) return {};
  return invalid_parameter(fmt::format("A session has at most {} tags.", kMaxTags));
}

Outcome<Along> find_along(const StsJob& job) {
  Along along;
  KELP_CHECK(find_tags(job, along));
  along.source_identity = job.caller.source_identity;
  const std::string* named = job.parameters.find("SourceIdentity");
  if (named == nullptr) return along;
  KELP_CHECK(check_session_name("SourceIdentity", *named, 64));
  if (!along.source_identity.empty() && along.source_identity != *named) {
    return access_denied("The source identity of the calling session cannot be changed");
  }
  along.source_identity = *named;
  return along;
}

/// What `sts:AssumeRole` is asked with.
policy::Request role_request(const StsJob& job, const Along& along) {
  policy::Request request =
      request_of(job.caller, "sts:AssumeRole", std::string(job.parameters.get("RoleArn")), job.now,
                 job.around);
  for (const std::string_view parameter : {"ExternalId", "RoleSessionName", "SourceIdentity"}) {
    const std::string* value = job.parameters.find(parameter);
    if (value != nullptr) request.context.add(fmt::format("sts:{}", parameter), *value);
  }
  for (const Tag& tag : along.tags) {
    request.context.add("aws:RequestTag/" + tag.key, tag.value);
    request.context.add("aws:TagKeys", tag.key);
  }
  for (const std::string& key : along.transitive_tags) {
    request.context.add("sts:TransitiveTagKeys", key);
  }
  return request;
}

Outcome<void> answer_role(StsJob& job, const FoundRole& found, Along along) {
  KELP_TRY(const std::uint32_t seconds, role_seconds(job, *found.role));
  Session session = begin_session(job, SessionKind::kRole, seconds);
  KELP_TRY(session.policy, session_policy(job, found.account));
  session.account = found.account->number;
  session.name = found.role->name;
  session.id = found.role->id;
  session.session = job.parameters.get("RoleSessionName");
  session.tags = std::move(along.tags);
  session.transitive_tags = std::move(along.transitive_tags);
  session.source_identity = std::move(along.source_identity);
  write_credentials(job, session);
  job.xml.open("AssumedRoleUser");
  job.xml.element("AssumedRoleId", fmt::format("{}:{}", session.id, session.session));
  job.xml.element("Arn", fmt::format("arn:aws:sts::{}:assumed-role/{}/{}", session.account,
                                     session.name, session.session));
  job.xml.close("AssumedRoleUser");
  if (!session.source_identity.empty()) {
    job.xml.element("SourceIdentity", session.source_identity);
  }
  return {};
}

Outcome<void> assume_role(StsJob& job) {
  KELP_CHECK(check_session_name("RoleSessionName", job.parameters.get("RoleSessionName"), 64));
  KELP_TRY(const FoundRole found, find_role(job));
  KELP_TRY(Along along, find_along(job));
  policy::Request request = role_request(job, along);
  std::vector<std::string_view> needed{"sts:AssumeRole"};
  if (!along.tags.empty()) needed.emplace_back("sts:TagSession");
  if (!along.source_identity.empty()) needed.emplace_back("sts:SetSourceIdentity");
  for (const std::string_view action : needed) {
    request.action = policy::lower_case(action);
    // Whether there is such a role is nobody's business who may not take it.
    if (found.role == nullptr ||
        !may_assume(request, job.caller, *found.role, found.account->number)) {
      return not_authorized(request, action);
    }
  }
  return answer_role(job, found, std::move(along));
}

Outcome<void> get_caller_identity(StsJob& job) {
  const s3::Credential& caller = job.caller;
  job.xml.element("Arn", caller.who.arn);
  job.xml.element("UserId", caller.user_id.empty() ? caller.who.account : caller.user_id);
  job.xml.element("Account", caller.who.account);
  return {};
}

/// A session of the caller itself.
Outcome<Session> own_session(const StsJob& job, SessionKind as_user, SessionKind as_root) {
  KELP_TRY(const auto seconds, job.parameters.number("DurationSeconds", kShortest, kLongestOfUser));
  const bool root = job.caller.who.is_root();
  const Account* account = job.model.find(job.caller.who.account);
  const Entity* user =
      account == nullptr ? nullptr : account->find(Kind::kUser, job.caller.user_name);
  if (!root && (user == nullptr || user->id != job.caller.user_id)) {
    return access_denied("Only users that IAM knows have sessions of their own");
  }
  // AWS gives a root's sessions an hour.
  const std::uint32_t usual = root ? 3600 : kUsualOfUser;
  const std::uint32_t length = std::min(seconds.value_or(usual), root ? 3600U : kLongestOfUser);
  Session session = begin_session(job, root ? as_root : as_user, length);
  session.account = job.caller.who.account;
  session.parent_key = job.caller.access_key;
  if (!root) {
    session.name = job.caller.user_name;
    session.id = job.caller.user_id;
  }
  return session;
}

Outcome<void> get_session_token(StsJob& job) {
  if (is_session(job.caller)) {
    return access_denied("Cannot call GetSessionToken with session credentials");
  }
  if (is_service_account(job)) {
    return access_denied("Cannot call GetSessionToken with the key of a service account");
  }
  KELP_TRY(const Session session, own_session(job, SessionKind::kUser, SessionKind::kRoot));
  write_credentials(job, session);
  return {};
}

Outcome<void> get_federation_token(StsJob& job) {
  const std::string name(job.parameters.get("Name"));
  KELP_CHECK(check_session_name("Name", name, 32));
  if (is_session(job.caller)) {
    return access_denied("Cannot call GetFederationToken with session credentials");
  }
  if (is_service_account(job)) {
    return access_denied("Cannot call GetFederationToken with the key of a service account");
  }
  const std::string arn =
      fmt::format("arn:aws:sts::{}:federated-user/{}", job.caller.who.account, name);
  const policy::Request request =
      request_of(job.caller, "sts:GetFederationToken", arn, job.now, job.around);
  const s3::Permissions& may = job.caller.permissions;
  const policy::Policies policies{may.identity, may.boundary, may.session, nullptr};
  if (!policy::allows(policies, request, job.caller.who.account)) {
    return not_authorized(request, "sts:GetFederationToken");
  }
  KELP_TRY(Session session,
           own_session(job, SessionKind::kFederatedUser, SessionKind::kFederatedUser));
  session.session = name;
  KELP_TRY(session.policy, session_policy(job, job.model.find(job.caller.who.account)));
  KELP_TRY(session.tags, job.parameters.tags("Tags"));
  write_credentials(job, session);
  job.xml.open("FederatedUser");
  job.xml.element("FederatedUserId", fmt::format("{}:{}", session.account, name));
  job.xml.element("Arn", arn);
  job.xml.close("FederatedUser");
  return {};
}

constexpr auto kActions = std::to_array<StsAction>({
    {"AssumeRole",
     "RoleArn! RoleSessionName! Policy PolicyArns* DurationSeconds ExternalId Tags* "
     "TransitiveTagKeys* SourceIdentity",
     assume_role},
    {"GetCallerIdentity", "", get_caller_identity},
    {"GetFederationToken", "Name! Policy PolicyArns* DurationSeconds Tags*", get_federation_token},
    {"GetSessionToken", "DurationSeconds", get_session_token},
});
static_assert(std::ranges::is_sorted(kActions, {}, &StsAction::name));

}  // namespace

std::span<const StsAction> sts_actions() {
  return kActions;
}

const StsAction* find_sts_action(std::string_view name) {
  const auto* const at = std::ranges::find(kActions, name, &StsAction::name);
  return at == kActions.end() ? nullptr : at;
}

Outcome<void> assume_role_with_web_identity(StsJob& job, const WebIdentity& who) {
  KELP_CHECK(check_session_name("RoleSessionName", job.parameters.get("RoleSessionName"), 64));
  KELP_TRY(const FoundRole found, find_role(job));
  s3::Credential nobody;
  nobody.who.federated = who.provider_arn;
  policy::Request request =
      request_of(nobody, "sts:AssumeRoleWithWebIdentity",
                 std::string(job.parameters.get("RoleArn")), job.now, job.around);
  request.context.add("sts:RoleSessionName", std::string(job.parameters.get("RoleSessionName")));
  for (const auto& [name, value] : who.claims) {
    request.context.add(fmt::format("{}:{}", who.provider_url, name), value);
  }
  const auto trusted = [&] {
    if (found.role == nullptr || found.role->trust.compiled == nullptr) return false;
    const policy::Verdict verdict = found.role->trust.compiled->evaluate(request);
    return !verdict.denied && verdict.allowed == policy::Naming::kItself;
  };
  // A provider is its account's, and so is the role.
  const bool same = account_of(who.provider_arn) == account_of(job.parameters.get("RoleArn"));
  if (!same || !trusted()) {
    return access_denied("Not authorized to perform sts:AssumeRoleWithWebIdentity");
  }
  KELP_CHECK(answer_role(job, found, {}));
  job.xml.element("SubjectFromWebIdentityToken", who.subject);
  job.xml.element("Provider", who.provider_arn);
  job.xml.element("Audience", who.audience);
  return {};
}

std::string_view account_of(std::string_view arn) {
  const auto parts = policy::split_arn(arn);
  return parts ? (*parts)[4] : std::string_view();
}

}  // namespace kelp::iam
