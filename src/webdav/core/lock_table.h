#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "webdav/failure.h"

namespace kelp::webdav {

/// A write lock (RFC 4918 section 7).
struct Lock {
  std::string token;  ///< "urn:uuid:…", unique.
  std::string path;   ///< lock_path() of what it was taken on.
  bool exclusive = true;
  bool deep = false;    ///< Depth infinity: all that is or comes below.
  std::string owner;    ///< XML as the client sent it, inside DAV:owner.
  std::string account;  ///< Canonical id of whose lock it is.
  std::chrono::seconds timeout{0};
  MonoTime expires;
};

/// The locks of this process. A lock that has run out is as if it was never there. Not thread-safe;
/// decides only: time comes in.
class LockTable {
 public:
  static constexpr std::size_t kMaxLocks = 10'000;
  static constexpr std::chrono::seconds kMaxTimeout{3600};

  /// Adds `lock`; its `expires` follows from `now` and its timeout (at most kMaxTimeout).
  /// Errors  423 while another lock of the path, above it or (for a deep one) below it does not go
  ///         together with it; 503 when there are kMaxLocks.
  Outcome<Lock> add(Lock lock, MonoTime now);
  /// Starts the time of a lock that covers `path` anew. 412 when `token` names none of `account`.
  Outcome<Lock> refresh(std::string_view token, std::string_view path, std::string_view account,
                        std::chrono::seconds timeout, MonoTime now);
  /// Ends a lock that covers `path`. 409 when `token` names none of it, 403 for another account's.
  Outcome<void> remove(std::string_view token, std::string_view path, std::string_view account,
                       MonoTime now);
  /// Ends the locks of `path` and of all below: what was there is gone (section 7.5, 9.6).
  void forget(std::string_view path);

  /// The locks that cover `path`: its own, and deep ones above.
  [[nodiscard]] std::vector<Lock> covering(std::string_view path, MonoTime now) const;
  /// The locks of what lies below `path`.
  [[nodiscard]] std::vector<Lock> below(std::string_view path, MonoTime now) const;
  [[nodiscard]] std::size_t size() const { return locks_.size(); }

 private:
  void expire(MonoTime now);
  /// By path; several shared ones of one path lie side by side.
  std::multimap<std::string, Lock, std::less<>> locks_;
};

/// The first of `locks` that keeps `account` from writing: none of its tokens was submitted, or it
/// is another's.
[[nodiscard]] const Lock* first_barrier(std::span<const Lock> locks,
                                        std::span<const std::string> tokens,
                                        std::string_view account);

/// Seconds of a Timeout header ("Second-600, Infinite"): the first that is understood, at most
/// LockTable::kMaxTimeout; ten minutes without one.
[[nodiscard]] std::chrono::seconds parse_timeout(std::optional<std::string_view> header);

}  // namespace kelp::webdav
