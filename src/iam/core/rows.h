#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "iam/core/model.h"
#include "kelp/result.h"
#include "wire/identities.h"

namespace kelp::iam {

// How identities are stored (docs/formats/identities.md). Decoders answer kCorruption, or
// kUnimplemented for a newer format, naming both versions; they compile the policies.

/// Keys of rows.
[[nodiscard]] std::string row_key(std::string_view account, Kind kind, std::string_view name);
/// Of a managed policy.
[[nodiscard]] std::string policy_row_key(std::string_view account, std::string_view name);
/// Of an OpenID Connect provider.
[[nodiscard]] std::string provider_row_key(std::string_view account, std::string_view url);
/// Of a service account.
[[nodiscard]] std::string service_account_row_key(std::string_view account,
                                                  std::string_view access_key);
/// Of what an account has once.
[[nodiscard]] std::string settings_row_key(std::string_view account);

/// A row's value; the decoders give back what was encoded.
[[nodiscard]] std::string encode_entity(const Entity& entity);
[[nodiscard]] Result<Entity> decode_entity(std::string_view row);
[[nodiscard]] std::string encode_policy(const ManagedPolicy& policy);
[[nodiscard]] Result<ManagedPolicy> decode_policy(std::string_view row);
[[nodiscard]] std::string encode_provider(const Provider& provider);
[[nodiscard]] Result<Provider> decode_provider(std::string_view row);
[[nodiscard]] std::string encode_service_account(const ServiceAccount& service);
[[nodiscard]] Result<ServiceAccount> decode_service_account(std::string_view row);
/// What an account has once: its alias.
[[nodiscard]] std::string encode_settings(std::string_view alias);
[[nodiscard]] Result<std::string> decode_settings(std::string_view row);

/// The identities of every account at one revision. Immutable.
struct Model {
  std::uint64_t revision = 0;
  Named<Account> accounts;  ///< By number.

  /// Null when nothing is known of it: it has no identities.
  [[nodiscard]] const Account* find(std::string_view number) const;
};

/// Rows that an action changes.
struct Changes {
  std::vector<IdentityRow> puts;
  std::vector<std::string> removes;
  [[nodiscard]] bool empty() const { return puts.empty() && removes.empty(); }
};

/// The model of all rows there are; what is the same as `before` is shared with it, accounts too.
[[nodiscard]] std::shared_ptr<const Model> load_model(std::uint64_t revision,
                                                      const std::vector<IdentityRow>& rows,
                                                      const Model& before);
/// `before` with some rows changed.
[[nodiscard]] std::shared_ptr<const Model> change_model(std::uint64_t revision,
                                                        const Changes& changes,
                                                        const Model& before);

}  // namespace kelp::iam
