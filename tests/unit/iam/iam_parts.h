#pragma once

#include <map>
#include <string>

#include "async/timers.h"
#include "async/work_pool.h"
#include "client/identity_store.h"
#include "s3gw/core/credentials.h"
#include "tests/unit/iam/iam_world.h"

namespace kelp::iam::test {

/// A clock that stands still until it is moved.
class MovedClock final : public Clock {
 public:
  [[nodiscard]] MonoTime mono() const override { return MonoTime(moved_); }
  [[nodiscard]] WallTime wall() const override { return kNow + moved_; }
  void advance(std::chrono::nanoseconds by) { moved_ += by; }

 private:
  std::chrono::nanoseconds moved_{0};
};

/// Does work at once.
class DirectPool final : public WorkPool {
 public:
  [[nodiscard]] bool try_post(Work work) override {
    work();
    return true;
  }
};

/// Nothing sleeps.
class NoTimers final : public Timers {
 public:
  Task<Result<void>> sleep_until(MonoTime) override {
    co_return Error(Errc::kCancelled, "no timers");
  }
};

/// Rows in memory, with one revision.
class MemIdentities final : public IdentityStore {
 public:
  Task<Result<Identities>> read_identities(ReadIdentities request) override {
    ++reads;
    if (down) co_return Error(Errc::kUnavailable, "down");
    Identities page{.revision = revision};
    if (request.known == revision) co_return page;
    for (auto at = rows.upper_bound(request.after); at != rows.end(); ++at) {
      if (page.rows.size() == page_rows) {
        page.more = true;
        break;
      }
      page.rows.push_back({at->first, at->second});
    }
    if (page.more && between_pages) between_pages();
    co_return page;
  }
  Task<Result<IdentityRevision>> change_identities(ChangeIdentities request) override {
    if (down) co_return Error(Errc::kUnavailable, "down");
    if (request.revision != revision) co_return Error(Errc::kConflict, "another revision");
    for (const std::string& key : request.removes) rows.erase(key);
    for (const IdentityRow& row : request.puts) rows[row.key] = row.value;
    co_return IdentityRevision{++revision};
  }

  std::map<std::string, std::string> rows;
  std::uint64_t revision = 0;
  std::size_t page_rows = 1000;
  int reads = 0;
  bool down = false;
  std::function<void()> between_pages;
};

/// One account's own key.
class OneRoot final : public s3::CredentialStore {
 public:
  OneRoot() {
    root.access_key = "ROOT";
    root.secret_key = "root-secret";
    root.account = {std::string(64, 'a'), "admin"};
    root.who = s3::root_of(root.account);
  }
  [[nodiscard]] const s3::Credential* find(std::string_view access_key) const override {
    return access_key == root.access_key ? &root : nullptr;
  }

  s3::Credential root;
};

}  // namespace kelp::iam::test
