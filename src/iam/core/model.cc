#include "iam/core/model.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.h"
#include "policy/arn.h"

namespace kelp::iam {
namespace {

using policy::lower_case;
using policy::PolicyKind;

constexpr std::string_view kDenyAll =
    R"({"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}})";
constexpr std::string_view kTrustNobody =
    R"({"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":"*","Action":"*"}})";

struct Common {
  std::string_view name;
  std::string_view json;
};

constexpr Common kCommon[] = {
    {"AdministratorAccess",
     R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]})"},
    {"PowerUserAccess",
     R"({"Version":"2012-10-17","Statement":[)"
     R"({"Effect":"Allow","NotAction":["iam:*"],"Resource":"*"},)"
     R"({"Effect":"Allow","Action":["iam:GetAccountSummary","iam:ListRoles"],"Resource":"*"}]})"},
    {"AmazonS3FullAccess", R"({"Version":"2012-10-17","Statement":[)"
                           R"({"Effect":"Allow","Action":["s3:*"],"Resource":"*"}]})"},
    {"AmazonS3ReadOnlyAccess",
     R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:Get*","s3:List*"],)"
     R"("Resource":"*"}]})"},
    {"IAMFullAccess", R"({"Version":"2012-10-17","Statement":[)"
                      R"({"Effect":"Allow","Action":["iam:*"],"Resource":"*"}]})"},
    {"IAMReadOnlyAccess",
     R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["iam:Get*","iam:List*"],)"
     R"("Resource":"*"}]})"},
};

Named<ManagedPolicy> make_common() {
  Named<ManagedPolicy> all;
  for (const Common& each : kCommon) {
    ManagedPolicy policy;
    policy.name = each.name;
    // An id of the name: the same wherever it is asked for.
    policy.id = "ANPA" + lower_case(each.name);
    std::ranges::transform(policy.id, policy.id.begin(),
                           [](char c) { return c >= 'a' && c <= 'z' ? char(c - 'a' + 'A') : c; });
    policy.id.resize(21, 'A');
    policy.created = policy.updated = WallTime(std::chrono::seconds(1'423'180'800));
    policy.versions.push_back(
        {1, compile(std::string(each.json), PolicyKind::kIdentity), policy.created});
    all.emplace(lower_case(each.name), std::make_shared<const ManagedPolicy>(std::move(policy)));
  }
  return all;
}

}  // namespace

PolicyText compile(std::string json, PolicyKind kind) {
  auto read = policy::Document::parse(json, kind);
  if (!read)
    read = policy::Document::parse(kind == PolicyKind::kTrust ? kTrustNobody : kDenyAll, kind);
  KELP_ASSERT(read.has_value(), "a policy of our own does not read");
  return {std::move(json), std::make_shared<const policy::Document>(*std::move(read))};
}

const PolicyVersion* ManagedPolicy::version(std::uint32_t number) const {
  const auto at = std::ranges::find(versions, number, &PolicyVersion::number);
  return at == versions.end() ? nullptr : &*at;
}

const PolicyVersion& ManagedPolicy::current() const {
  const PolicyVersion* found = version(default_version);
  KELP_ASSERT(found != nullptr, "a policy without its default version");
  return *found;
}

const Entity* Account::find(Kind kind, std::string_view name) const {
  const auto& all = entities[static_cast<std::size_t>(kind)];
  const auto at = all.find(lower_case(name));
  return at == all.end() ? nullptr : at->second.get();
}

const ManagedPolicy* Account::find_policy(std::string_view arn) const {
  const auto parts = policy::split_arn(arn);
  if (!parts) return nullptr;
  const std::string_view owner = (*parts)[4];
  const std::string_view resource = (*parts)[5];
  const bool common = owner == kOfEveryAccount;
  const Named<ManagedPolicy>& all = common ? common_policies() : policies;
  const auto at = all.find(lower_case(resource.substr(resource.rfind('/') + 1)));
  if (at == all.end() || arn_of(common ? kOfEveryAccount : number, *at->second) != arn) {
    return nullptr;
  }
  return at->second.get();
}

const Provider* Account::find_provider(std::string_view arn) const {
  const std::string prefix = fmt::format("arn:aws:iam::{}:oidc-provider/", number);
  if (!arn.starts_with(prefix)) return nullptr;
  const auto at = providers.find(lower_case(arn.substr(prefix.size())));
  return at == providers.end() ? nullptr : at->second.get();
}

const ServiceAccount* Account::find_service_account(std::string_view access_key) const {
  const auto at = service_accounts.find(lower_case(access_key));
  return at == service_accounts.end() || at->second->id != access_key ? nullptr : at->second.get();
}

std::string entity_arn(std::string_view account, Kind kind, std::string_view path,
                       std::string_view name) {
  return fmt::format("arn:aws:iam::{}:{}{}{}", account, word_of(kind), path, name);
}

std::string arn_of(std::string_view account, const Entity& entity) {
  return entity_arn(account, entity.kind, entity.path, entity.name);
}
std::string arn_of(std::string_view account, const ManagedPolicy& policy) {
  return fmt::format("arn:aws:iam::{}:policy{}{}", account, policy.path, policy.name);
}
std::string arn_of(std::string_view account, const Provider& provider) {
  return fmt::format("arn:aws:iam::{}:oidc-provider/{}", account, provider.url);
}

std::string_view word_of(Kind kind) {
  switch (kind) {
    case Kind::kUser:
      return "user";
    case Kind::kGroup:
      return "group";
    case Kind::kRole:
      return "role";
  }
  return "";
}

std::map<std::string, PolicyUse, std::less<>> policy_uses(const Account& account) {
  std::map<std::string, PolicyUse, std::less<>> uses;
  for (const auto& kind : account.entities) {
    for (const auto& [name, entity] : kind) {
      for (const std::string& arn : entity->attached) ++uses[arn].attachments;
      if (!entity->boundary.empty()) ++uses[entity->boundary].boundaries;
    }
  }
  return uses;
}

const Named<ManagedPolicy>& common_policies() {
  static const Named<ManagedPolicy> kAll = make_common();
  return kAll;
}

}  // namespace kelp::iam
