#include "webdav/core/lock_table.h"

#include <algorithm>
#include <charconv>

#include "s3gw/core/header_text.h"

namespace kelp::webdav {
namespace {

constexpr std::chrono::seconds kDefaultTimeout{600};

/// The path and every path above it, the longest first.
template <typename Visit>
void each_above(std::string_view path, Visit visit) {
  while (true) {
    visit(path);
    const std::size_t slash = path.rfind('/');
    if (slash == path.npos) return;
    path = path.substr(0, slash);
  }
}

bool covers(const Lock& lock, std::string_view path) {
  if (path == lock.path) return true;
  return lock.deep && path.starts_with(lock.path) && path[lock.path.size()] == '/';
}

}  // namespace

std::vector<Lock> LockTable::covering(std::string_view path, MonoTime now) const {
  std::vector<Lock> found;
  each_above(path, [&](std::string_view above) {
    const auto [first, last] = locks_.equal_range(above);
    for (auto at = first; at != last; ++at) {
      if (at->second.expires > now && covers(at->second, path)) found.push_back(at->second);
    }
  });
  return found;
}

std::vector<Lock> LockTable::below(std::string_view path, MonoTime now) const {
  std::vector<Lock> found;
  const std::string prefix = std::string(path) + '/';
  for (auto at = locks_.lower_bound(prefix); at != locks_.end() && at->first.starts_with(prefix);
       ++at) {
    if (at->second.expires > now) found.push_back(at->second);
  }
  return found;
}

Outcome<Lock> LockTable::add(Lock lock, MonoTime now) {
  expire(now);
  std::vector<Lock> others = covering(lock.path, now);
  if (lock.deep) std::ranges::copy(below(lock.path, now), std::back_inserter(others));
  for (const Lock& other : others) {
    if (!lock.exclusive && !other.exclusive) continue;
    Failure refusal{423, "it is locked: /" + other.path};
    refusal.condition = "<D:no-conflicting-lock/>";
    return std::unexpected(std::move(refusal));
  }
  if (locks_.size() >= kMaxLocks) return failed(503, "there are too many locks");
  lock.timeout = std::min(lock.timeout, kMaxTimeout);
  lock.expires = now + lock.timeout;
  locks_.emplace(lock.path, lock);
  return lock;
}

Outcome<Lock> LockTable::refresh(std::string_view token, std::string_view path,
                                 std::string_view account, std::chrono::seconds timeout,
                                 MonoTime now) {
  for (auto& [at, lock] : locks_) {
    if (lock.token != token || lock.expires <= now) continue;
    if (!covers(lock, path) || lock.account != account) break;
    lock.timeout = std::min(timeout, kMaxTimeout);
    lock.expires = now + lock.timeout;
    return lock;
  }
  Failure refusal{412, "no lock of yours with this token covers it"};
  refusal.condition = "<D:lock-token-matches-request-uri/>";
  return std::unexpected(std::move(refusal));
}

Outcome<void> LockTable::remove(std::string_view token, std::string_view path,
                                std::string_view account, MonoTime now) {
  for (auto at = locks_.begin(); at != locks_.end(); ++at) {
    const Lock& lock = at->second;
    if (lock.token != token || lock.expires <= now || !covers(lock, path)) continue;
    if (lock.account != account) return failed(403, "the lock is another account's");
    locks_.erase(at);
    return {};
  }
  Failure refusal{409, "no lock with this token covers it"};
  refusal.condition = "<D:lock-token-matches-request-uri/>";
  return std::unexpected(std::move(refusal));
}

void LockTable::forget(std::string_view path) {
  std::erase_if(locks_, [&](const auto& row) {
    return row.first == path || (row.first.starts_with(path) && row.first[path.size()] == '/');
  });
}

void LockTable::expire(MonoTime now) {
  std::erase_if(locks_, [&](const auto& row) { return row.second.expires <= now; });
}

const Lock* first_barrier(std::span<const Lock> locks, std::span<const std::string> tokens,
                          std::string_view account) {
  for (const Lock& lock : locks) {
    if (lock.account != account || std::ranges::find(tokens, lock.token) == tokens.end()) {
      // Of shared locks one token is enough (section 7.2).
      const auto opens = [&](const Lock& other) {
        return !other.exclusive && other.path == lock.path && other.account == account &&
               std::ranges::find(tokens, other.token) != tokens.end();
      };
      if (lock.exclusive || std::ranges::none_of(locks, opens)) return &lock;
    }
  }
  return nullptr;
}

std::chrono::seconds parse_timeout(std::optional<std::string_view> header) {
  std::string_view rest = header.value_or("");
  while (!rest.empty()) {
    std::string_view word = s3::trimmed(s3::cut(rest, ','));
    if (s3::equals_lower(word, "infinite")) return LockTable::kMaxTimeout;
    if (!s3::starts_with_lower(word, "second-")) continue;
    word.remove_prefix(7);
    std::uint32_t seconds = 0;
    const auto [end, code] = std::from_chars(word.data(), word.data() + word.size(), seconds);
    if (end != word.data() + word.size()) continue;
    if (code == std::errc::result_out_of_range) return LockTable::kMaxTimeout;
    if (code == std::errc{} && seconds > 0) {
      return std::min(std::chrono::seconds(seconds), LockTable::kMaxTimeout);
    }
  }
  return kDefaultTimeout;
}

}  // namespace kelp::webdav
