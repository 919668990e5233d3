#include "iam/key_ring.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

#include "async/completion.h"
#include "base/log.h"

namespace kelp::iam {
namespace {

constexpr std::size_t kMostRemembered = 1000;
/// A reading of several pages that meets a change begins anew, so often.
constexpr int kMaxReadings = 20;

spdlog::logger& log() {
  static spdlog::logger& room = logger("iam");
  return room;
}

using Keys = std::map<std::string, std::shared_ptr<const s3::Credential>, std::less<>>;

/// The keys of an account's users and of their service accounts. A service account whose parent is
/// gone has none.
Keys keys_of(const Account& account, const s3::Account& owner, const Vault& vault) {
  Keys keys;
  const auto add = [&](s3::Credential credential, const std::string& sealed_secret) {
    auto secret = vault.open_secret(sealed_secret, credential.access_key);
    if (!secret) {
      log().error("key_unreadable account={} key={} error={}", account.number,
                  credential.access_key, log_value(secret.error().message()));
      return;
    }
    credential.secret_key = *std::move(secret);
    auto key = std::make_shared<const s3::Credential>(std::move(credential));
    keys.emplace(key->access_key, key);
  };
  std::map<std::string_view, const Entity*> by_id;
  for (const auto& [name, user] : account.entities[static_cast<std::size_t>(Kind::kUser)]) {
    by_id.emplace(user->id, user.get());
    for (const AccessKey& key : user->keys) {
      if (!key.active) continue;
      s3::Credential credential = user_credential(owner, account, *user);
      credential.access_key = key.id;
      add(std::move(credential), key.sealed_secret);
    }
  }
  for (const auto& [key, service] : account.service_accounts) {
    const auto parent = by_id.find(service->parent);
    if (!service->active || parent == by_id.end()) continue;
    add(service_credential(owner, account, *parent->second, *service), service->sealed_secret);
  }
  return keys;
}

}  // namespace

Snapshot::Snapshot(std::shared_ptr<const Model> model,
                   const std::map<std::string, s3::Account, std::less<>>& owners,
                   const Vault& vault, const Snapshot* before)
    : model_(std::move(model)) {
  for (const auto& [number, account] : model_->accounts) {
    const auto owner = owners.find(number);
    if (owner == owners.end()) continue;  // No more in the configuration: nobody's.
    if (before != nullptr && before->model().find(number) == account.get()) {
      const auto same = before->keys_.find(number);
      if (same != before->keys_.end()) {
        keys_.emplace(number, same->second);
        continue;
      }
    }
    keys_.emplace(number, std::make_shared<const Keys>(keys_of(*account, owner->second, vault)));
  }
}

std::shared_ptr<const s3::Credential> Snapshot::find(std::string_view access_key) const {
  for (const auto& [number, keys] : keys_) {
    const auto at = keys->find(access_key);
    if (at != keys->end()) return at->second;
  }
  return nullptr;
}

std::shared_ptr<const s3::Credential> Snapshot::recall(std::string_view token) const {
  const std::lock_guard lock(mutex_);
  const auto at = sessions_.find(std::string(token));
  return at == sessions_.end() ? nullptr : at->second;
}

void Snapshot::remember(std::string_view token,
                        std::shared_ptr<const s3::Credential> session) const {
  const std::lock_guard lock(mutex_);
  if (sessions_.size() >= kMostRemembered) sessions_.clear();
  sessions_.emplace(token, std::move(session));
}

KeyRing::KeyRing(KeyRingParts parts, const std::vector<s3::Account>& accounts,
                 std::string_view cluster_secret)
    : parts_(parts), vault_(cluster_secret) {
  for (const s3::Account& account : accounts) {
    owners_.emplace(s3::account_number(account.id), account);
  }
  snapshot_ =
      std::make_shared<const Snapshot>(std::make_shared<const Model>(), owners_, vault_, nullptr);
}

const s3::Credential* KeyRing::find(std::string_view access_key) const {
  return parts_.roots.find(access_key);
}

const s3::Account* KeyRing::find_account(std::string_view canonical_id) const {
  const s3::Account* const found = owner(s3::account_number(canonical_id));
  return found != nullptr && found->id == canonical_id ? found : nullptr;
}

std::shared_ptr<const s3::Credential> KeyRing::hold(std::string_view access_key,
                                                    std::string_view token) const {
  if (auto root = parts_.roots.hold(access_key, token)) return root;
  const std::shared_ptr<const Snapshot> now = snapshot();
  if (auto user = now->find(access_key)) return user;
  return token.empty() ? nullptr : find_session(*now, access_key, token);
}

std::shared_ptr<const s3::Credential> KeyRing::find_session(const Snapshot& now,
                                                            std::string_view access_key,
                                                            std::string_view token) const {
  if (auto known = now.recall(token)) {
    return known->access_key == access_key ? known : nullptr;
  }
  const auto bytes = vault_.open_token(token);
  if (!bytes) return nullptr;
  const auto session = decode_session(*bytes);
  if (!session || session->access_key != access_key) return nullptr;
  const s3::Account* account = owner(session->account);
  if (account == nullptr) return nullptr;
  if (session->name.empty()) {
    // Of a root: as long as its key is in the configuration.
    const s3::Credential* parent = parts_.roots.find(session->parent_key);
    if (parent == nullptr || parent->account.id != account->id) return nullptr;
  }
  auto credential = session_credential(*session, *account, now.model().find(session->account));
  if (!credential) return nullptr;
  credential->session_token = token;
  auto shared = std::make_shared<const s3::Credential>(*std::move(credential));
  now.remember(token, shared);
  return shared;
}

std::shared_ptr<const Snapshot> KeyRing::snapshot() const {
  const std::lock_guard lock(mutex_);
  return snapshot_;
}

bool KeyRing::loaded() const {
  const std::lock_guard lock(mutex_);
  return loaded_;
}

const s3::Account* KeyRing::owner(std::string_view number) const {
  const auto at = owners_.find(number);
  return at == owners_.end() ? nullptr : &at->second;
}

void KeyRing::take(std::shared_ptr<const Model> model, const Snapshot* instead_of) {
  const std::shared_ptr<const Snapshot> before = snapshot();
  auto made = std::make_shared<const Snapshot>(model, owners_, vault_, before.get());
  const std::lock_guard lock(mutex_);
  loaded_ = true;
  // Readings and own changes come in any order: the newest counts. A store that was restored from
  // a backup may be older, and only reading it says so.
  if (snapshot_.get() == instead_of || model->revision > snapshot_->model().revision) {
    snapshot_ = std::move(made);
  }
}

Task<Result<std::shared_ptr<const Model>>> KeyRing::read_all(
    std::shared_ptr<const Snapshot> before) {
  const std::uint64_t known = before->model().revision;
  for (int reading = 0; reading < kMaxReadings; ++reading) {
    std::vector<IdentityRow> rows;
    std::uint64_t revision = 0;
    bool more = true;
    bool changed = false;
    while (more && !changed) {
      ReadIdentities ask{rows.empty() ? known : 0, rows.empty() ? "" : rows.back().key};
      KELP_CO_TRY(kelp::Identities page, co_await parts_.store.read_identities(std::move(ask)));
      if (rows.empty() && page.revision == known) co_return std::shared_ptr<const Model>();
      changed = !rows.empty() && page.revision != revision;
      revision = page.revision;
      more = page.more;
      std::ranges::move(page.rows, std::back_inserter(rows));
    }
    if (!changed) co_return load_model(revision, rows, before->model());
  }
  co_return Error(Errc::kUnavailable, "the identities change while they are read");
}

Task<Result<void>> KeyRing::refresh() {
  const std::shared_ptr<const Snapshot> before = snapshot();
  KELP_CO_TRY(const auto model, co_await read_all(before));
  if (model != nullptr) {
    take(model, before.get());
    for (const auto& [number, account] : model->accounts) {
      if (!account->unreadable) continue;
      log().error(
          "rows_unreadable account={} why=\"a newer build wrote them, or they are damaged\"",
          number);
    }
  }
  const std::lock_guard lock(mutex_);
  loaded_ = true;
  co_return Result<void>();
}

/// While it lives somebody follows what changes; at its end nobody waits any more.
class KeyRing::Following {
 public:
  explicit Following(KeyRing& ring) : ring_(ring) { set(true); }
  ~Following() {
    set(false);
    ring_.answer_first(ring_.waiting());
  }
  Following(const Following&) = delete;
  Following& operator=(const Following&) = delete;

 private:
  void set(bool following) {
    const std::lock_guard lock(ring_.mutex_);
    ring_.following_ = following;
  }
  KeyRing& ring_;
};

Task<void> KeyRing::run() {
  const Following following(*this);
  bool failing = false;
  for (MonoTime due = parts_.clock.mono();;) {
    const MonoTime now = parts_.clock.mono();
    // Whoever comes while it is read is answered by the next reading.
    const std::size_t asking = waiting();
    if (asking > 0 || now >= due) {
      due = now + kInterval;
      const auto read = co_await refresh();
      tell_of(read, failing);
      failing = !read.has_value();
      answer_first(asking);
    }
    const auto slept = co_await parts_.timers.sleep_until(parts_.clock.mono() + kLeastPause);
    if (!slept.has_value()) co_return;
  }
}

void KeyRing::tell_of(const Result<void>& read, bool was_failing) {
  if (read) return;
  if (read.error().code() == Errc::kUnimplemented && !loaded()) {
    // The filers are of before: there are no identities.
    log().warn("no_identities error={}", log_value(read.error().message()));
    const std::lock_guard lock(mutex_);
    loaded_ = true;
  }
  if (!was_failing) log().warn("not_read error={}", log_value(read.error().message()));
}

Task<void> KeyRing::catch_up() {
  auto wait = [this](std::function<void(bool)> done) {
    {
      const std::lock_guard lock(mutex_);
      if (following_ && waiting_.size() < kMostWaiting) {
        waiting_.push_back(std::move(done));
        return;
      }
    }
    done(false);
  };
  co_await await_callback<bool>(std::move(wait));
}

std::size_t KeyRing::waiting() const {
  const std::lock_guard lock(mutex_);
  return waiting_.size();
}

void KeyRing::answer_first(std::size_t waiting) {
  std::vector<std::function<void(bool)>> answered;
  {
    const std::lock_guard lock(mutex_);
    const auto end = waiting_.begin() + static_cast<std::ptrdiff_t>(waiting);
    answered.assign(std::make_move_iterator(waiting_.begin()), std::make_move_iterator(end));
    waiting_.erase(waiting_.begin(), end);
  }
  for (const auto& done : answered) done(true);
}

Task<Result<void>> KeyRing::change(std::shared_ptr<const Snapshot> from, Changes changes) {
  ChangeIdentities request{from->model().revision, changes.puts, changes.removes};
  KELP_CO_TRY(const IdentityRevision done,
              co_await parts_.store.change_identities(std::move(request)));
  take(change_model(done.revision, changes, from->model()), nullptr);
  co_return Result<void>();
}

}  // namespace kelp::iam
