#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "iam/core/rows.h"
#include "iam/core/vault.h"
#include "s3gw/core/credentials.h"

namespace kelp::iam {

/// As whom a temporary key acts.
enum class SessionKind : std::uint8_t { kRole, kUser, kRoot, kFederatedUser };

/// A temporary key and all that there is to know of it; it travels, sealed, as the session token,
/// so that no gateway keeps anything (docs/formats/identities.md).
struct Session {
  SessionKind kind = SessionKind::kRole;
  std::string access_key;  ///< "ASIA…".
  std::string secret_key;
  std::string account;     ///< Twelve digits; the role's or user's.
  std::string name;        ///< Of the role or user; empty of a root.
  std::string id;          ///< Its unique id: one made anew under the name is another one.
  std::string session;     ///< The session's name; of a federated user its own.
  std::string parent_key;  ///< The lasting key that asked, of all but roles.
  std::string policy;      ///< The most that it may; empty: no limit.
  std::vector<Tag> tags;
  std::vector<std::string> transitive_tags;  ///< Keys of those that the next role inherits.
  std::string source_identity;               ///< Who is behind a role, by its own word; or empty.
  WallTime issued;
  WallTime expires;
  friend bool operator==(const Session&, const Session&) = default;
};

/// What a token seals.
[[nodiscard]] std::string encode_session(const Session& session);
/// kCorruption, kUnimplemented for a newer format.
[[nodiscard]] Result<Session> decode_session(std::string_view bytes);

/// What the identity policies of a user (its groups' too) or role are, and its boundary.
[[nodiscard]] s3::Permissions permissions_of(const Account& account, const Entity& entity);
/// A user, without key.
[[nodiscard]] s3::Credential user_credential(const s3::Account& owner, const Account& account,
                                             const Entity& user);
/// A service account of `user`, without its secret.
[[nodiscard]] s3::Credential service_credential(const s3::Account& owner, const Account& account,
                                                const Entity& user, const ServiceAccount& service);
/// A session: its key, as whom it acts and what it may. `account` of the session, null when it has
/// no identities; `owner` names it. kPermissionDenied when the role, the user or the user's key is
/// gone, or another one has its name. A root's key is not looked at.
[[nodiscard]] Result<s3::Credential> session_credential(const Session& session,
                                                        const s3::Account& owner,
                                                        const Account* account);

/// One policy that says what all of `policies` say: each by itself is an allowance.
[[nodiscard]] Result<std::string> merge_policies(const std::vector<std::string>& policies);

}  // namespace kelp::iam
