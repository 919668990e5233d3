#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "async/timers.h"
#include "base/clock.h"
#include "client/identity_store.h"
#include "iam/core/session.h"
#include "s3gw/core/credentials.h"
#include "s3gw/key_news.h"

namespace kelp::iam {

/// All identities at one revision, and what their keys are. Immutable but for what it remembers of
/// sessions. Thread-safe.
class Snapshot {
 public:
  /// Keys of accounts that are the same in `before` are not opened again.
  Snapshot(std::shared_ptr<const Model> model,
           const std::map<std::string, s3::Account, std::less<>>& owners, const Vault& vault,
           const Snapshot* before);

  [[nodiscard]] const Model& model() const { return *model_; }
  /// The key of a user, or null; an inactive one is none.
  [[nodiscard]] std::shared_ptr<const s3::Credential> find(std::string_view access_key) const;
  /// The session that was found before, or null.
  [[nodiscard]] std::shared_ptr<const s3::Credential> recall(std::string_view token) const;
  /// Keeps one that was found, for requests that follow.
  void remember(std::string_view token, std::shared_ptr<const s3::Credential> session) const;

 private:
  using Keys = std::map<std::string, std::shared_ptr<const s3::Credential>, std::less<>>;

  std::shared_ptr<const Model> model_;
  std::map<std::string, std::shared_ptr<const Keys>, std::less<>> keys_;  ///< By account.
  mutable std::mutex mutex_;
  mutable std::unordered_map<std::string, std::shared_ptr<const s3::Credential>> sessions_;
};

/// What a KeyRing works with; all must outlive it.
struct KeyRingParts {
  IdentityStore& store;
  const s3::CredentialStore& roots;  ///< The accounts' own keys, of the configuration.
  Clock& clock;
  Timers& timers;
};

/// The keys of a gateway: those of the configuration, those of users, and sessions. It asks every
/// kInterval whether anything changed, so that what is taken away is without effect soon
/// everywhere, and sooner when somebody uses a key that it does not know. Thread-safe but run(),
/// which belongs to one executor.
class KeyRing final : public s3::CredentialStore, public s3::KeyNews {
 public:
  /// How often run() asks.
  static constexpr std::chrono::milliseconds kInterval{250};
  /// What lies between two questions of run() at least, whoever waits.
  static constexpr std::chrono::milliseconds kLeastPause{100};
  /// So many may wait in catch_up(); more get no news.
  static constexpr std::size_t kMostWaiting = 1000;

  /// `accounts`: all that there are. `cluster_secret`: see Vault.
  KeyRing(KeyRingParts parts, const std::vector<s3::Account>& accounts,
          std::string_view cluster_secret);

  /// Of the configuration only.
  [[nodiscard]] const s3::Credential* find(std::string_view access_key) const override;
  [[nodiscard]] std::shared_ptr<const s3::Credential> hold(std::string_view access_key,
                                                           std::string_view token) const override;

  [[nodiscard]] const s3::Account* find_account(std::string_view canonical_id) const override;

  /// Reads what changed. kUnavailable and the like when the filers do not answer: what was known
  /// stays.
  Task<Result<void>> refresh();
  /// refresh() until cancelled.
  Task<void> run();
  /// Waits for a reading of run() that began after the call; at once while that does not run.
  Task<void> catch_up() override;
  /// Whether the identities were read at least once.
  [[nodiscard]] bool loaded() const;

  [[nodiscard]] std::shared_ptr<const Snapshot> snapshot() const;
  /// Commits changes of the snapshot's revision; from the answer on they count here. kConflict when
  /// somebody else was faster: refresh() and begin anew.
  Task<Result<void>> change(std::shared_ptr<const Snapshot> from, Changes changes);
  /// Null when there is no such account.
  [[nodiscard]] const s3::Account* owner(std::string_view number) const;
  [[nodiscard]] const Vault& vault() const { return vault_; }

 private:
  class Following;
  [[nodiscard]] std::size_t waiting() const;
  void answer_first(std::size_t waiting);
  void tell_of(const Result<void>& read, bool was_failing);
  [[nodiscard]] std::shared_ptr<const s3::Credential> find_session(const Snapshot& now,
                                                                   std::string_view access_key,
                                                                   std::string_view token) const;
  /// Takes a model when it is newer than the one that counts, or when that is `instead_of`.
  void take(std::shared_ptr<const Model> model, const Snapshot* instead_of);
  Task<Result<std::shared_ptr<const Model>>> read_all(std::shared_ptr<const Snapshot> before);

  KeyRingParts parts_;
  const Vault vault_;
  std::map<std::string, s3::Account, std::less<>> owners_;  ///< By number.
  mutable std::mutex mutex_;
  std::shared_ptr<const Snapshot> snapshot_;
  bool loaded_ = false;
  bool following_ = false;                          ///< run() runs.
  std::vector<std::function<void(bool)>> waiting_;  ///< In catch_up(), in the order of their calls.
};

}  // namespace kelp::iam
