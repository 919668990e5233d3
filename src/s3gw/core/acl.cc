#include "s3gw/core/acl.h"

#include <algorithm>
#include <array>

#include "s3gw/core/acl_names.h"
#include "s3gw/core/header_text.h"
#include "s3gw/s3_try.h"

namespace kelp::s3 {
namespace {

using enum Permission;
using Kind = Grantee::Kind;

constexpr std::size_t kMaxGrants = 100;

/// Letters of the stored form: never change them.
constexpr auto kLetters = std::to_array<std::pair<Permission, char>>(
    {{kFullControl, 'F'}, {kRead, 'R'}, {kWrite, 'W'}, {kReadAcp, 'r'}, {kWriteAcp, 'w'}});
constexpr auto kGroups = std::to_array<std::pair<Kind, char>>(
    {{Kind::kEverybody, '*'}, {Kind::kAuthenticated, '+'}, {Kind::kLogDelivery, '@'}});

constexpr auto kGrantHeaders = std::to_array<std::pair<std::string_view, Permission>>({
    {"x-amz-grant-full-control", kFullControl},
    {"x-amz-grant-read", kRead},
    {"x-amz-grant-write", kWrite},
    {"x-amz-grant-read-acp", kReadAcp},
    {"x-amz-grant-write-acp", kWriteAcp},
});

std::unexpected<S3Error> invalid_argument(std::string message, std::string name,
                                          std::string value) {
  return std::unexpected(
      S3Error{S3Code::kInvalidArgument,
              std::move(message),
              {{"ArgumentName", std::move(name)}, {"ArgumentValue", std::move(value)}}});
}

/// `id="…"`, `uri="…"` or `emailAddress="…"`.
S3Result<Grantee> read_header_grantee(std::string_view header, std::string_view text,
                                      const KnowsAccount& knows) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos) {
    return invalid_argument("Argument format not recognized", std::string(header),
                            std::string(text));
  }
  const std::string_view kind = trimmed(text.substr(0, equals));
  std::string_view value = trimmed(text.substr(equals + 1));
  if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
    value = value.substr(1, value.size() - 2);
  }
  if (equals_lower(kind, "id")) {
    if (!knows(value)) return invalid_argument("Invalid id", "id", std::string(value));
    return account_grantee(value, knows);
  }
  if (equals_lower(kind, "uri")) return group_grantee(value);
  if (equals_lower(kind, "emailaddress")) return email_grantee(value);
  return invalid_argument("Argument format not recognized", std::string(header), std::string(text));
}

}  // namespace

S3Result<Grantee> account_grantee(std::string_view id, const KnowsAccount& knows) {
  if (!knows(id)) return invalid_argument("Invalid id", "CanonicalUser/ID", std::string(id));
  return Grantee{Kind::kAccount, std::string(id)};
}

S3Result<Grantee> group_grantee(std::string_view uri) {
  for (const auto& [kind, known] : kGroupUris) {
    if (uri == known) return Grantee{kind, {}};
  }
  return invalid_argument("Invalid group uri", "uri", std::string(uri));
}

std::unexpected<S3Error> email_grantee(std::string_view address) {
  return std::unexpected(S3Error{
      S3Code::kUnresolvableGrantByEmailAddress, {}, {{"AccountIdentifier", std::string(address)}}});
}

bool is_public(const Acl& acl) {
  return std::ranges::any_of(acl.grants, [](const Grant& grant) {
    return grant.to.kind == Kind::kEverybody || grant.to.kind == Kind::kAuthenticated;
  });
}

policy::Naming granted(const Acl& acl, const policy::Requester& who, Permission permission,
                       bool but_public) {
  auto best = policy::Naming::kNot;
  for (const Grant& grant : acl.grants) {
    if (grant.permission != permission && grant.permission != kFullControl) continue;
    const Kind kind = grant.to.kind;
    const bool to_public =
        kind == Kind::kEverybody || (kind == Kind::kAuthenticated && !who.anonymous());
    if (to_public && !but_public) return policy::Naming::kItself;
    const bool to_account =
        kind == Kind::kAccount && !who.canonical_id.empty() && grant.to.account == who.canonical_id;
    if (to_account) best = policy::Naming::kAccount;
  }
  return best;
}

Acl private_acl(std::string_view owner) {
  return {{{{Kind::kAccount, std::string(owner)}, kFullControl}}};
}

S3Result<Acl> canned_acl(std::string_view name, const AclOwners& owners) {
  Acl acl = private_acl(owners.owner);
  const auto add = [&](Grantee to, Permission permission) {
    acl.grants.push_back({std::move(to), permission});
  };
  const bool own_bucket = owners.owner == owners.bucket_owner;
  const Grantee bucket_owner{Kind::kAccount, std::string(owners.bucket_owner)};
  if (name == "private") return acl;
  if (name == "public-read" || name == "public-read-write") {
    add({Kind::kEverybody, {}}, kRead);
    if (name == "public-read-write") add({Kind::kEverybody, {}}, kWrite);
  } else if (name == "authenticated-read") {
    add({Kind::kAuthenticated, {}}, kRead);
  } else if (name == "bucket-owner-read") {
    if (!own_bucket) add(bucket_owner, kRead);
  } else if (name == "bucket-owner-full-control") {
    if (!own_bucket) add(bucket_owner, kFullControl);
  } else if (name == "log-delivery-write") {
    add({Kind::kLogDelivery, {}}, kWrite);
    add({Kind::kLogDelivery, {}}, kReadAcp);
  } else if (name != "aws-exec-read") {  // whose account there is none here
    return invalid_argument({}, "x-amz-acl", std::string(name));
  }
  return acl;
}

S3Result<std::optional<Acl>> acl_of_headers(std::span<const HttpHeader> headers,
                                            const AclOwners& owners, const KnowsAccount& knows) {
  std::optional<std::string_view> canned;
  Acl listed;
  bool has_grants = false;
  for (const HttpHeader& header : headers) {
    if (equals_lower(header.name, "x-amz-acl")) canned = header.value;
    for (const auto& [name, permission] : kGrantHeaders) {
      if (!equals_lower(header.name, name)) continue;
      has_grants = true;
      std::string_view rest = header.value;
      while (!rest.empty()) {
        KELP_S3_TRY(Grantee to, read_header_grantee(name, trimmed(cut(rest, ',')), knows));
        listed.grants.push_back({std::move(to), permission});
      }
    }
  }
  if (canned && has_grants) {
    return s3_error(S3Code::kInvalidRequest,
                    "Specifying both Canned ACLs and Header Grants is not allowed");
  }
  if (canned) {
    KELP_S3_TRY(Acl acl, canned_acl(*canned, owners));
    return acl;
  }
  if (!has_grants) return std::nullopt;
  KELP_S3_CHECK(check_count(listed));
  return listed;
}

S3Result<void> check_count(const Acl& acl) {
  if (acl.grants.size() <= kMaxGrants) return {};
  return s3_error(S3Code::kInvalidRequest, "Access control lists can have at most " +
                                               std::to_string(kMaxGrants) + " grants");
}

std::string encode_acl(const Acl& acl) {
  std::string text;
  for (const Grant& grant : acl.grants) {
    if (!text.empty()) text += ';';
    text +=
        std::ranges::find(kLetters, grant.permission, &std::pair<Permission, char>::first)->second;
    text += '=';
    const auto* const group =
        std::ranges::find(kGroups, grant.to.kind, &std::pair<Kind, char>::first);
    if (group != kGroups.end()) {
      text += group->second;
    } else {
      text += grant.to.account;
    }
  }
  return text;
}

Acl decode_acl(std::string_view text) {
  Acl acl;
  while (!text.empty()) {
    const std::string_view line = cut(text, ';');
    if (line.size() < 3 || line[1] != '=') continue;
    const auto* const letter =
        std::ranges::find(kLetters, line[0], &std::pair<Permission, char>::second);
    if (letter == kLetters.end()) continue;
    const std::string_view to = line.substr(2);
    const auto* const group = std::ranges::find(kGroups, to[0], &std::pair<Kind, char>::second);
    Grantee grantee{Kind::kAccount, std::string(to)};
    if (group != kGroups.end() && to.size() == 1) grantee = {group->first, {}};
    acl.grants.push_back({std::move(grantee), letter->first});
  }
  return acl;
}

}  // namespace kelp::s3
