#pragma once

#include <string>
#include <string_view>

namespace kelp::s3 {

/// Who owns buckets and objects.
struct Account {
  std::string id;  ///< Canonical id: 64 lower-case hex digits.
  std::string display_name;
};

/// A key pair and the account it acts for.
struct Credential {
  std::string access_key;
  std::string secret_key;  ///< Never logged, never sent.
  Account account;
};

/// The key pairs of one moment: an immutable snapshot. Whoever changes the keys makes a new store;
/// a request holds its snapshot (a shared_ptr) until it is answered. Safe from any thread.
class CredentialStore {
 public:
  virtual ~CredentialStore() = default;
  /// Null when there is no such key. The pointer is valid as long as the store.
  [[nodiscard]] virtual const Credential* find(std::string_view access_key) const = 0;
};

}  // namespace kelp::s3
