#include <fmt/format.h>

#include "crypto/md5.h"
#include "crypto/uuid.h"
#include "s3gw/core/header_text.h"
#include "webdav/core/dav_xml.h"
#include "webdav/core/multistatus.h"
#include "webdav/ops/handlers.h"
#include "webdav/permission.h"
#include "webdav/tree.h"

namespace kelp::webdav {
namespace {

Task<void> reply_lock(Visit& visit, const Lock& lock, int status, bool with_token) {
  HttpResponse head = s3::begin_response(visit.call, status);
  if (with_token) head.add("Lock-Token", "<" + lock.token + ">");
  head.add("Content-Type", "application/xml; charset=utf-8");
  co_await reply(visit, std::move(head), lock_answer({lock}, visit.now()));
}

Task<Outcome<void>> refresh(Visit& visit) {
  const auto timeout = parse_timeout(visit.call.header("timeout"));
  Outcome<Lock> refreshed = failed(412, "LOCK without a body brings the token in an If header");
  for (const std::string& token : visit.tokens) {
    const std::lock_guard guard(visit.site.mutex);
    refreshed = visit.site.locks.refresh(token, lock_path(visit.place), visit.call.account().id,
                                         timeout, visit.now());
    if (refreshed) break;
  }
  KELP_DAV_CO_TRY(const Lock lock, std::move(refreshed));
  co_await reply_lock(visit, lock, 200, false);
  co_return Outcome<void>{};
}

/// An empty file under the name that was locked (RFC 4918 section 7.3).
Task<Outcome<void>> make_empty(Visit& visit, Place place) {
  PutObject request{.bucket = place.bucket, .key = place.key};
  request.entry.etag = Md5().finish();
  KELP_DAV_CO_CHECK(give_owner(visit, request.entry));
  request.conditions.if_none_match_any = true;
  const auto made = co_await visit.filer().put_object(std::move(request));
  // Somebody was faster: then that is what is locked.
  if (made || made.error().reason() == Reason::kConditionFailed) co_return Outcome<void>{};
  co_return std::unexpected(as_failure(made.error()));
}

/// What stands at the request's place, when the caller may write there: who locks it keeps others
/// from that.
Task<Outcome<Found>> look_up_to_write(Visit& visit) {
  KELP_DAV_CO_TRY(Found found, co_await look_up(visit, visit.place));
  std::string key = key_of(found.place);
  auto asked = ask(visit, s3::Operation::kPutObject, found.place.bucket, std::move(key));
  KELP_DAV_CO_CHECK(co_await std::move(asked));
  co_return found;
}

Outcome<Lock> take(Visit& visit, Lock wanted) {
  const std::lock_guard guard(visit.site.mutex);
  return visit.site.locks.add(std::move(wanted), visit.now());
}

}  // namespace

Task<Outcome<void>> lock(Visit& visit) {
  const std::string_view depth = visit.call.header("depth").value_or("infinity");
  const bool deep = s3::equals_lower(depth, "infinity");
  if (!deep && depth != "0") co_return failed(400, "LOCK: Depth is neither 0 nor infinity");
  KELP_DAV_CO_TRY(std::string body, co_await read_small_body(visit));
  const Place place = visit.place;
  if (place.level != Level::kEntry && place.level != Level::kBucket) {
    co_return failed(403, "only buckets and what is in them can be locked");
  }
  KELP_DAV_CO_TRY(const Found found, co_await look_up_to_write(visit));
  if (body.empty()) co_return co_await refresh(visit);
  KELP_DAV_CO_TRY(LockWish wish, parse_lockinfo(std::move(body)));
  const bool missing = found.kind == Found::Kind::kNothing;
  if (missing) {
    if (place.slash || place.level == Level::kBucket) co_return failed(404, "nothing is here");
    KELP_DAV_CO_CHECK(co_await check_parent(visit, place));
    KELP_DAV_CO_CHECK(check_locks(visit, place, {.parent = true}));
  }
  Lock wanted{.token = "urn:uuid:" + random_uuid(),
              .path = lock_path(place),
              .exclusive = wish.exclusive,
              .deep = deep,
              .owner = std::move(wish.owner),
              .account = visit.call.account().id,
              .timeout = parse_timeout(visit.call.header("timeout"))};
  KELP_DAV_CO_TRY(const Lock taken, take(visit, std::move(wanted)));
  if (missing) {
    if (auto made = co_await make_empty(visit, place); !made) {
      const std::lock_guard guard(visit.site.mutex);
      (void)visit.site.locks.remove(taken.token, taken.path, taken.account, visit.now());
      co_return std::unexpected(std::move(made).error());
    }
  }
  co_await reply_lock(visit, taken, missing ? 201 : 200, true);
  co_return Outcome<void>{};
}

Task<Outcome<void>> unlock(Visit& visit) {
  std::string_view token = s3::trimmed(visit.call.header("lock-token").value_or(""));
  if (!token.starts_with('<') || !token.ends_with('>')) {
    co_return failed(400, "UNLOCK: there is no Lock-Token: <…>");
  }
  token = token.substr(1, token.size() - 2);
  if (visit.place.bucket.empty()) co_return failed(409, "the lock is not of this place");
  KELP_DAV_CO_CHECK(co_await look_up_to_write(visit));
  {
    const std::lock_guard guard(visit.site.mutex);
    KELP_DAV_CO_CHECK(visit.site.locks.remove(token, lock_path(visit.place),
                                              visit.call.account().id, visit.now()));
  }
  co_await reply_empty(visit, 204);
  co_return Outcome<void>{};
}

}  // namespace kelp::webdav
