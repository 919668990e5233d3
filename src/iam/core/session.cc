#include "iam/core/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "base/bytes.h"
#include "policy/json_text.h"

namespace kelp::iam {
namespace {

using policy::PolicyKind;

// Tokens that need nothing newer are of the first format, so that older gateways read them.
constexpr std::uint8_t kFirstFormat = 1;
constexpr std::uint8_t kFormat = 2;

std::shared_ptr<const policy::Document> nothing_allowed() {
  static const PolicyText kNone = compile("", PolicyKind::kIdentity);
  return kNone.compiled;
}

void add_policies(const Account& account, const Entity& entity, s3::Permissions& permissions) {
  for (const auto& [name, policy] : entity.inline_policies) {
    permissions.identity.push_back(policy.compiled);
  }
  for (const std::string& arn : entity.attached) {
    const ManagedPolicy* policy = account.find_policy(arn);
    permissions.identity.push_back(policy == nullptr ? nothing_allowed()
                                                     : policy->current().text.compiled);
  }
}

Error gone(const Session& session) {
  return {Errc::kPermissionDenied,
          fmt::format("the {} of the session is gone",
                      session.kind == SessionKind::kRole ? "role" : "user or its key")};
}

void put_text(const std::string& text, ByteWriter& to) {
  to.text(text);
}
void put_time(WallTime time, ByteWriter& to) {
  to.fixed(static_cast<std::uint64_t>(time.time_since_epoch().count()));
}
WallTime get_time(ByteReader& in) {
  return WallTime(std::chrono::nanoseconds(static_cast<std::int64_t>(in.fixed<std::uint64_t>())));
}

constexpr std::string Session::* kTexts[] = {
    &Session::access_key, &Session::secret_key, &Session::account,    &Session::name,
    &Session::id,         &Session::session,    &Session::parent_key, &Session::policy};

bool has_active_key(const Entity& user, const std::string& id) {
  const auto at = std::ranges::find(user.keys, id, &AccessKey::id);
  return at != user.keys.end() && at->active;
}

/// Tags of the session stand above those of the role.
void add_tags(const std::vector<Tag>& tags, s3::Credential& to) {
  for (const Tag& tag : tags) {
    const auto same = [&tag](const auto& old) {
      return policy::lower_case(old.first) == policy::lower_case(tag.key);
    };
    std::erase_if(to.tags, same);
    to.tags.emplace_back(tag.key, tag.value);
  }
}

}  // namespace

std::string encode_session(const Session& session) {
  std::string out;
  ByteWriter to(out);
  const bool first = session.source_identity.empty() && session.transitive_tags.empty();
  to.fixed(first ? kFirstFormat : kFormat);
  to.fixed(static_cast<std::uint8_t>(session.kind));
  for (const auto text : kTexts) put_text(session.*text, to);
  to.varint(session.tags.size());
  for (const Tag& tag : session.tags) {
    to.text(tag.key);
    to.text(tag.value);
  }
  put_time(session.issued, to);
  put_time(session.expires, to);
  if (first) return out;
  to.text(session.source_identity);
  to.varint(session.transitive_tags.size());
  for (const std::string& key : session.transitive_tags) to.text(key);
  return out;
}

Result<Session> decode_session(std::string_view bytes) {
  ByteReader in(bytes);
  const auto format = in.fixed<std::uint8_t>();
  if (!in.failed() && format != kFirstFormat && format != kFormat) {
    return Error(Errc::kUnimplemented,
                 fmt::format("session: format {}, this build knows {}", format, kFormat));
  }
  Session session;
  const auto kind = in.fixed<std::uint8_t>();
  if (kind > static_cast<std::uint8_t>(SessionKind::kFederatedUser)) {
    return Error(Errc::kCorruption, fmt::format("session of kind {}", kind));
  }
  session.kind = static_cast<SessionKind>(kind);
  for (const auto text : kTexts) session.*text = in.text();
  for (std::uint64_t left = in.varint(); left > 0 && !in.failed(); --left) {
    std::string key(in.text());
    session.tags.push_back({std::move(key), std::string(in.text())});
  }
  session.issued = get_time(in);
  session.expires = get_time(in);
  if (format == kFormat) {
    session.source_identity = in.text();
    for (std::uint64_t left = in.varint(); left > 0 && !in.failed(); --left) {
      session.transitive_tags.emplace_back(in.text());
    }
  }
  KELP_CHECK(in.finish("session"));
  return session;
}

s3::Permissions permissions_of(const Account& account, const Entity& entity) {
  s3::Permissions permissions;
  add_policies(account, entity, permissions);
  for (const std::string& name : entity.groups) {
    const Entity* group = account.find(Kind::kGroup, name);
    if (group != nullptr) add_policies(account, *group, permissions);
  }
  if (!entity.boundary.empty()) {
    const ManagedPolicy* boundary = account.find_policy(entity.boundary);
    permissions.boundary =
        boundary == nullptr ? nothing_allowed() : boundary->current().text.compiled;
  }
  return permissions;
}

s3::Credential user_credential(const s3::Account& owner, const Account& account,
                               const Entity& user) {
  s3::Credential credential;
  credential.account = owner;
  credential.who.account = account.number;
  credential.who.arn = arn_of(account.number, user);
  credential.who.canonical_id = owner.id;
  credential.permissions = permissions_of(account, user);
  credential.user_name = user.name;
  credential.user_id = user.id;
  for (const Tag& tag : user.tags) credential.tags.emplace_back(tag.key, tag.value);
  return credential;
}

s3::Credential service_credential(const s3::Account& owner, const Account& account,
                                  const Entity& user, const ServiceAccount& service) {
  s3::Credential credential = user_credential(owner, account, user);
  credential.access_key = service.id;
  credential.expires = service.expires;
  credential.permissions.session = service.policy.compiled;
  return credential;
}

Result<s3::Credential> session_credential(const Session& session, const s3::Account& owner,
                                          const Account* account) {
  s3::Credential out;
  if (session.kind == SessionKind::kRoot) {
    out.account = owner;
    out.who = s3::root_of(owner);
  } else if (session.kind == SessionKind::kFederatedUser && session.id.empty()) {
    // The root's: it may what the session's policy says.
    out.account = owner;
    out.permissions.identity = {
        common_policies().at("administratoraccess")->current().text.compiled};
  } else {
    const Kind kind = session.kind == SessionKind::kRole ? Kind::kRole : Kind::kUser;
    const Entity* entity = account == nullptr ? nullptr : account->find(kind, session.name);
    if (entity == nullptr || entity->id != session.id) return gone(session);
    if (kind == Kind::kUser && !has_active_key(*entity, session.parent_key)) return gone(session);
    out = user_credential(owner, *account, *entity);
  }
  out.access_key = session.access_key;
  out.secret_key = session.secret_key;
  out.expires = session.expires;
  if (session.kind == SessionKind::kRole) {
    out.who.role_arn = out.who.arn;
    out.who.arn = fmt::format("arn:aws:sts::{}:assumed-role/{}/{}", session.account, session.name,
                              session.session);
    out.user_name.clear();
    out.user_id = fmt::format("{}:{}", session.id, session.session);
  }
  if (session.kind == SessionKind::kFederatedUser) {
    out.who.account = session.account;
    out.who.canonical_id = owner.id;
    out.who.arn =
        fmt::format("arn:aws:sts::{}:federated-user/{}", session.account, session.session);
    out.user_name.clear();
    out.user_id = fmt::format("{}:{}", session.account, session.session);
    // Without a policy of its session it may nothing by itself.
    if (session.policy.empty()) out.permissions.identity.clear();
  }
  if (!session.policy.empty()) {
    out.permissions.session = compile(session.policy, PolicyKind::kIdentity).compiled;
  }
  add_tags(session.tags, out);
  for (const Tag& tag : session.tags) {
    const auto& keys = session.transitive_tags;
    if (std::ranges::find(keys, tag.key) == keys.end()) continue;
    out.transitive_tags.emplace_back(tag.key, tag.value);
  }
  out.source_identity = session.source_identity;
  return out;
}

Result<std::string> merge_policies(const std::vector<std::string>& policies) {
  if (policies.size() == 1) return policies.front();
  boost::json::array statements;
  for (const std::string& json : policies) {
    KELP_TRY(boost::json::object policy, policy::parse_json_object(json));
    boost::json::value& statement = policy["Statement"];
    const auto take = [&statements](boost::json::value& each) {
      // Names are unique in one policy only.
      if (each.is_object()) each.as_object().erase("Sid");
      statements.push_back(std::move(each));
    };
    if (statement.is_array()) {
      for (boost::json::value& each : statement.as_array()) take(each);
    } else {
      take(statement);
    }
  }
  boost::json::object merged;
  merged["Version"] = "2012-10-17";
  merged["Statement"] = std::move(statements);
  return boost::json::serialize(merged);
}

}  // namespace kelp::iam
