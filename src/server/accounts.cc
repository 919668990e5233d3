#include "server/accounts.h"

#include <fmt/format.h>

#include <functional>
#include <unordered_map>

#include "base/encoding.h"
#include "crypto/digest.h"

namespace kelp::server {
namespace {

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const {
    return std::hash<std::string_view>{}(text);
  }
};

class Accounts final : public s3::CredentialStore {
 public:
  /// False when the access key is taken.
  [[nodiscard]] bool add(s3::Credential credential) {
    credential.who = s3::root_of(credential.account);
    accounts_[credential.account.id] = credential.account;
    std::string key = credential.access_key;
    return credentials_.emplace(std::move(key), std::move(credential)).second;
  }
  [[nodiscard]] const s3::Credential* find(std::string_view access_key) const override {
    const auto found = credentials_.find(access_key);
    return found == credentials_.end() ? nullptr : &found->second;
  }
  [[nodiscard]] const s3::Account* find_account(std::string_view canonical_id) const override {
    const auto found = accounts_.find(canonical_id);
    return found == accounts_.end() ? nullptr : &found->second;
  }

 private:
  template <typename T>
  using ByText = std::unordered_map<std::string, T, TextHash, std::equal_to<>>;
  ByText<s3::Credential> credentials_;
  ByText<s3::Account> accounts_;  ///< By canonical id.
};

s3::Account account_of(const ClusterIdentity& cluster, std::string_view name) {
  return {account_id(cluster.cluster_id, name), std::string(name)};
}

/// The one of docker/docker-compose.yml: anybody knows it.
constexpr std::string_view kDemoSecret = "kelp-dev-secret";

Result<void> refuse_demo_key(std::string_view access_key, std::string_view secret_key,
                             const S3Config& config) {
  if (secret_key != kDemoSecret || config.allow_demo_keys) return {};
  return Error(Errc::kInvalidArgument,
               fmt::format("the secret key of '{}' is printed in Kelp's documentation: choose "
                           "another, or set s3.allow_demo_keys = true where nobody else comes",
                           access_key));
}

}  // namespace

std::string account_id(std::string_view cluster_id, std::string_view name) {
  const Sha256 id = sha256(fmt::format("kelp-account\n{}\n{}", cluster_id, name));
  return hex_encode(view(id));
}

std::vector<s3::Account> all_accounts(const ClusterIdentity& cluster,
                                      const std::vector<IdentityConfig>& identities) {
  std::vector<s3::Account> accounts = {account_of(cluster, "admin")};
  for (const IdentityConfig& identity : identities) {
    accounts.push_back(account_of(cluster, identity.name));
  }
  return accounts;
}

Result<std::unique_ptr<s3::CredentialStore>> make_accounts(const ClusterIdentity& cluster,
                                                           const S3Config& config) {
  KELP_CHECK(refuse_demo_key(cluster.admin.access_key, cluster.admin.secret_key, config));
  auto accounts = std::make_unique<Accounts>();
  [[maybe_unused]] const bool first = accounts->add(
      {cluster.admin.access_key, cluster.admin.secret_key, account_of(cluster, "admin")});
  for (const IdentityConfig& identity : config.identities) {
    KELP_CHECK(refuse_demo_key(identity.access_key, identity.secret_key, config));
    if (!accounts->add(
            {identity.access_key, identity.secret_key, account_of(cluster, identity.name)})) {
      return Error(Errc::kInvalidArgument,
                   fmt::format("s3.identity '{}': the access_key is taken", identity.name));
    }
  }
  return std::unique_ptr<s3::CredentialStore>(std::move(accounts));
}

Result<std::unique_ptr<iam::FileKeys>> make_file_keys(const ClusterIdentity& cluster,
                                                      const std::string& file,
                                                      const s3::CredentialStore& roots,
                                                      FileIo& io) {
  static constexpr std::uint64_t kMostBytes = 16 << 20;
  auto read = [&io, file]() -> Result<std::string> {
    if (file.empty()) return std::string("{}");
    return read_whole_file(io, file, kMostBytes);
  };
  auto keys = std::make_unique<iam::FileKeys>(roots, account_of(cluster, "admin"), std::move(read));
  if (const auto loaded = keys->load(); !loaded) {
    return Error(loaded.error().code(),
                 fmt::format("s3.identities_file {}: {}", file, loaded.error().detail()));
  }
  return keys;
}

}  // namespace kelp::server
