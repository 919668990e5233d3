#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "policy/requester.h"

namespace kelp::policy {
class Document;
}  // namespace kelp::policy

namespace kelp::s3 {

/// Who owns buckets and objects.
struct Account {
  std::string id;  ///< Canonical id: 64 lower-case hex digits.
  std::string display_name;
};

/// The number by which policies name an account: twelve digits that follow from its canonical id.
[[nodiscard]] std::string account_number(std::string_view canonical_id);

/// What whoever uses a key may do at most.
struct Permissions {
  std::vector<std::shared_ptr<const policy::Document>> identity;
  std::shared_ptr<const policy::Document> boundary;  ///< Null: none.
  std::shared_ptr<const policy::Document> session;   ///< Null: none.
};

/// A key pair, the account it acts for, and as whom.
struct Credential {
  std::string access_key;
  std::string secret_key;  ///< Never logged, never sent.
  Account account;
  /// As whom; nothing filled in: as the account's root (root_of()).
  policy::Requester who = {};
  Permissions permissions = {};  ///< Of the root: none are needed.
  std::string user_name = {};    ///< aws:username; of a user only.
  std::string user_id = {};      ///< aws:userid; empty of the root: the account's number.
  /// What stands in x-amz-security-token beside a temporary key; empty: the key is a lasting one.
  std::string session_token = {};
  std::optional<WallTime> expires = {};  ///< Of a temporary key.
  /// aws:PrincipalTag/NAME.
  std::vector<std::pair<std::string, std::string>> tags = {};
  /// Those of them that sessions of roles inherit which this one takes.
  std::vector<std::pair<std::string, std::string>> transitive_tags = {};
  std::string source_identity = {};  ///< aws:SourceIdentity; empty: none.
};

/// Whether no policy needs to allow what the key is used for.
[[nodiscard]] inline bool acts_as_root(const Credential& credential) {
  const bool limited = credential.permissions.session != nullptr;
  return !limited && (credential.who.anonymous() || credential.who.is_root());
}

/// The requester that the root of `account` is.
[[nodiscard]] policy::Requester root_of(const Account& account);

/// The key pairs of one moment: an immutable snapshot. Whoever changes the keys makes a new store;
/// a request holds its snapshot (a shared_ptr) until it is answered. Safe from any thread.
class CredentialStore {
 public:
  virtual ~CredentialStore() = default;
  /// Null when there is no such key. The pointer is valid as long as the store.
  [[nodiscard]] virtual const Credential* find(std::string_view access_key) const = 0;
  /// Null when there is no such account. The pointer is valid as long as the store.
  [[nodiscard]] virtual const Account* find_account(std::string_view canonical_id) const {
    (void)canonical_id;
    return nullptr;
  }
  /// The same for as long as the caller has it, while keys change; `token` came along as
  /// x-amz-security-token and, of a temporary key, says whose it is. Expired ones are found, too.
  [[nodiscard]] virtual std::shared_ptr<const Credential> hold(std::string_view access_key,
                                                               std::string_view token) const {
    static_cast<void>(token);
    return {std::shared_ptr<const Credential>(), find(access_key)};
  }
};

}  // namespace kelp::s3
