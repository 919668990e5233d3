#pragma once

#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "s3gw/call.h"
#include "webdav/core/lock_table.h"
#include "webdav/core/place.h"
#include "webdav/failure.h"
#include "webdav/webdav.h"

namespace kelp::webdav {

/// What the requests share: one for the handler's life.
struct Site {
  WebDavOptions options;
  std::mutex mutex;  ///< Guards `locks`; never held across a wait.
  LockTable locks;
};

/// One request on its way. Lives until the answer is sent.
struct Visit {
  Site& site;
  /// The gateway's idea of a request: its operations read and write bodies for us.
  s3::Call call;
  Place place;
  s3::Query query;                  ///< The request's; the call's own stays S3's.
  std::vector<std::string> tokens;  ///< Lock tokens that the If header brought.
  std::deque<std::string> names;    ///< Storage of renamed headers.

  [[nodiscard]] FilerClient& filer() const { return call.services.deps.filer; }
  [[nodiscard]] MonoTime now() const { return call.services.deps.clock.mono(); }
  /// Of which the gateway's operations are to speak.
  void aim(std::string bucket, std::string key) {
    s3::S3Request& request = call.request;
    request.scope = bucket.empty() ? s3::Scope::kService
                    : key.empty()  ? s3::Scope::kBucket
                                   : s3::Scope::kObject;
    request.bucket = std::move(bucket);
    request.key = std::move(key);
  }
};

/// Sends a whole answer; the head alone to HEAD.
Task<void> reply(Visit& visit, HttpResponse head, std::string body);
/// A status alone.
Task<void> reply_empty(Visit& visit, int status);
/// The failure, as text or as XML.
Task<void> reply_failure(Visit& visit, Failure failure);

/// The body of a request that is XML, of at most 64 KiB; empty when there is none. 413.
[[nodiscard]] Task<Outcome<std::string>> read_small_body(Visit& visit);
/// 415 unless the request has no body: what one would mean is not known.
[[nodiscard]] Outcome<void> refuse_body(const Visit& visit);

/// Evaluates the If header and keeps its tokens. 400, 412.
[[nodiscard]] Task<Outcome<void>> check_if(Visit& visit);

/// What of a place is about to change.
struct Change {
  bool below = false;   ///< All that lies below, too.
  bool parent = false;  ///< It comes or goes: its directory changes.
};
/// 423 while a lock whose token was not brought along is in the way.
[[nodiscard]] Outcome<void> check_locks(Visit& visit, const Place& place, Change change);
/// Ends the locks of what is gone.
void forget_locks(Visit& visit, const Place& place);
/// The locks that cover a place.
[[nodiscard]] std::vector<Lock> locks_of(Visit& visit, const Place& place);

}  // namespace kelp::webdav
