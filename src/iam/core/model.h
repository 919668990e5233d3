#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "policy/document.h"

namespace kelp::iam {

/// What can have policies.
enum class Kind : std::uint8_t { kUser, kGroup, kRole };
inline constexpr std::size_t kKinds = 3;

/// A name and a value that an account's owner gave something.
struct Tag {
  std::string key;
  std::string value;
  friend bool operator==(const Tag&, const Tag&) = default;
};

/// A policy as it was put, and compiled.
struct PolicyText {
  std::string json;  ///< Empty: there is none.
  std::shared_ptr<const policy::Document> compiled;
  friend bool operator==(const PolicyText& a, const PolicyText& b) { return a.json == b.json; }
};
/// `json` compiled; what does not read (any more) denies everything.
[[nodiscard]] PolicyText compile(std::string json, policy::PolicyKind kind);

/// A key pair of a user.
struct AccessKey {
  std::string id;             ///< "AKIA…".
  std::string sealed_secret;  ///< See crypto/seal.h; about the key's id.
  bool active = true;
  WallTime created;
  friend bool operator==(const AccessKey&, const AccessKey&) = default;
};

/// A user, group or role. Names are the same in any case, and keep the one they were given.
struct Entity {
  Kind kind = Kind::kUser;
  std::string name;
  std::string path = "/";
  std::string id;  ///< "AIDA…", "AGPA…", "AROA…": never given again, unlike the name.
  WallTime created;
  std::vector<Tag> tags;
  std::string boundary;  ///< ARN of a managed policy; empty: none.
  std::map<std::string, PolicyText, std::less<>> inline_policies;
  std::set<std::string, std::less<>> attached;  ///< ARNs of managed policies.
  // Of users.
  std::vector<AccessKey> keys;
  std::set<std::string, std::less<>> groups;  ///< Names in lower case.
  // Of roles.
  PolicyText trust;
  std::string description;
  std::uint32_t max_session_seconds = 3600;

  std::string row;  ///< As it is stored.
};

/// One version of a managed policy.
struct PolicyVersion {
  std::uint32_t number = 1;
  PolicyText text;
  WallTime created;
};

/// A policy of its own that can be attached to many.
struct ManagedPolicy {
  std::string name;
  std::string path = "/";
  std::string id;  ///< "ANPA…".
  WallTime created;
  WallTime updated;
  std::string description;
  std::uint32_t default_version = 1;
  std::uint32_t next_version = 2;
  std::vector<PolicyVersion> versions;  ///< Ascending.
  std::vector<Tag> tags;

  std::string row;  ///< As it is stored.

  /// Null when there is none of this number.
  [[nodiscard]] const PolicyVersion* version(std::uint32_t number) const;
  /// The one that counts.
  [[nodiscard]] const PolicyVersion& current() const;
};

/// Somebody else whose word on who a user is counts (OpenID Connect).
struct Provider {
  std::string url;  ///< Without "https://".
  std::vector<std::string> client_ids;
  std::vector<std::string> thumbprints;
  WallTime created;
  std::vector<Tag> tags;

  std::string row;  ///< As it is stored.
};

/// A key that acts as a user, its parent, and may at most what the parent may.
struct ServiceAccount {
  std::string id;             ///< The access key, "AKSA…".
  std::string parent;         ///< The user's unique id: one made anew under the name is another.
  std::string sealed_secret;  ///< See crypto/seal.h; about the key's id.
  std::string name;           ///< May be empty.
  std::string description;
  PolicyText policy;  ///< The most that it may; empty: what the parent may.
  bool active = true;
  WallTime created;
  std::optional<WallTime> expires;

  std::string row;  ///< As it is stored.
};

/// Things by their names in lower case.
template <typename T>
using Named = std::map<std::string, std::shared_ptr<const T>, std::less<>>;

/// All identities of one account, at one moment. Immutable once it is shared.
struct Account {
  std::string number;  ///< Twelve digits.
  std::array<Named<Entity>, kKinds> entities;
  Named<ManagedPolicy> policies;
  Named<Provider> providers;
  Named<ServiceAccount> service_accounts;
  std::string alias;
  /// A row that this build cannot read: what it holds counts as not there, and nothing is changed.
  bool unreadable = false;

  /// Null when there is none of the name.
  [[nodiscard]] const Entity* find(Kind kind, std::string_view name) const;
  /// A policy of this account, or one that every account has. Null when there is none.
  [[nodiscard]] const ManagedPolicy* find_policy(std::string_view arn) const;
  /// Null when there is none of the ARN.
  [[nodiscard]] const Provider* find_provider(std::string_view arn) const;
  /// Null when the access key is no service account's.
  [[nodiscard]] const ServiceAccount* find_service_account(std::string_view access_key) const;
};

/// "arn:aws:iam::ACCOUNT:user/PATH/NAME".
[[nodiscard]] std::string arn_of(std::string_view account, const Entity& entity);
/// The same of what does not exist yet.
[[nodiscard]] std::string entity_arn(std::string_view account, Kind kind, std::string_view path,
                                     std::string_view name);
/// "arn:aws:iam::ACCOUNT:policy/PATH/NAME".
[[nodiscard]] std::string arn_of(std::string_view account, const ManagedPolicy& policy);
/// "arn:aws:iam::ACCOUNT:oidc-provider/URL".
[[nodiscard]] std::string arn_of(std::string_view account, const Provider& provider);
/// "user", "group" or "role".
[[nodiscard]] std::string_view word_of(Kind kind);

/// How often each managed policy is attached, and how often it is a boundary.
struct PolicyUse {
  std::size_t attachments = 0;
  std::size_t boundaries = 0;
};
/// By ARN; one pass over the account.
[[nodiscard]] std::map<std::string, PolicyUse, std::less<>> policy_uses(const Account& account);

/// The account whose policies every account may attach.
inline constexpr std::string_view kOfEveryAccount = "aws";
/// Those policies.
[[nodiscard]] const Named<ManagedPolicy>& common_policies();

}  // namespace kelp::iam
