#include "webdav/visit.h"

#include <algorithm>

#include "base/encoding.h"
#include "s3gw/core/header_text.h"
#include "webdav/core/if_header.h"
#include "webdav/core/multistatus.h"
#include "webdav/permission.h"
#include "webdav/tree.h"

namespace kelp::webdav {
namespace {

constexpr std::size_t kMaxSmallBodyBytes = 64 * 1024;

/// What the conditions of one list are compared with.
Task<Outcome<ResourceState>> state_of(Visit& visit, const IfList& list) {
  ResourceState state;
  Place place = visit.place;
  if (!list.resource.empty()) {
    const std::string_view host = visit.call.header("host").value_or("");
    auto named = parse_place_of_url(list.resource, host);
    // Of another server's resources we know nothing: no condition of theirs holds.
    if (!named && named.error().status == 502) co_return state;
    KELP_DAV_CO_TRY(place, std::move(named));
  }
  for (const Lock& lock : locks_of(visit, place)) state.tokens.push_back(lock.token);
  if (std::ranges::any_of(list.all, &IfCondition::is_etag)) {
    KELP_DAV_CO_TRY(const Found found, co_await look_up(visit, place));
    if (found.object) {
      KELP_DAV_CO_CHECK(co_await may_read(visit, found.place, *found.object));
      state.etag = '"' + etag_text(found.object->entry) + '"';
    }
  }
  co_return state;
}

}  // namespace

Task<void> reply(Visit& visit, HttpResponse head, std::string body) {
  if (visit.call.http.method == "HEAD") {
    (void)co_await visit.call.response.send_head(std::move(head), body.size());
  } else {
    co_await s3::reply(visit.call, std::move(head), std::move(body));
  }
}

Task<void> reply_empty(Visit& visit, int status) {
  co_await s3::reply_empty(visit.call, status);
}

Task<void> reply_failure(Visit& visit, Failure failure) {
  visit.call.error = failure.code;
  HttpResponse head = s3::begin_response(visit.call, failure.status);
  for (const auto& [name, value] : failure.headers) head.add(name, value);
  if (failure.status == 408) head.close_after();
  if (failure.status == 503) head.add("Retry-After", std::uint64_t{1});
  if (failure.status == 304) {
    (void)co_await visit.call.response.send_head(std::move(head), std::nullopt);
    co_return;
  }
  std::string body;
  if (failure.condition.empty()) {
    head.add("Content-Type", "text/plain; charset=utf-8");
    body = std::move(failure.text) + "\n";
  } else {
    head.add("Content-Type", "application/xml; charset=utf-8");
    body = error_body(failure.condition);
  }
  co_await reply(visit, std::move(head), std::move(body));
}

Task<Outcome<std::string>> read_small_body(Visit& visit) {
  const HttpRequest& http = visit.call.http;
  if (!http.chunked && http.content_length.value_or(0) == 0) co_return std::string();
  if (http.content_length.value_or(0) > kMaxSmallBodyBytes) {
    co_return failed(413, "the body is over 64 KiB");
  }
  std::string body(kMaxSmallBodyBytes + 1, '\0');
  const MutableByteSpan buffer = std::as_writable_bytes(std::span(body));
  KELP_DAV_CO_TRY(const std::size_t bytes, co_await read_full(visit.call.body, buffer));
  visit.call.bytes_in = bytes;
  if (bytes > kMaxSmallBodyBytes) co_return failed(413, "the body is over 64 KiB");
  body.resize(bytes);
  co_return body;
}

Outcome<void> refuse_body(const Visit& visit) {
  const HttpRequest& http = visit.call.http;
  if (!http.chunked && http.content_length.value_or(0) == 0) return {};
  return failed(415, "this request takes no body");
}

Task<Outcome<void>> check_if(Visit& visit) {
  const auto header = visit.call.header("if");
  if (!header) co_return Outcome<void>{};
  KELP_DAV_CO_TRY(const std::vector<IfList> lists, parse_if(*header));
  std::vector<ResourceState> states;
  for (const IfList& list : lists) {
    KELP_DAV_CO_TRY(ResourceState state, co_await state_of(visit, list));
    states.push_back(std::move(state));
  }
  if (!evaluate(lists, states)) co_return failed(412, "the If header does not hold");
  visit.tokens = submitted_tokens(lists);
  co_return Outcome<void>{};
}

Outcome<void> check_locks(Visit& visit, const Place& place, Change change) {
  const std::string path = lock_path(place);
  std::vector<Lock> locks;
  {
    const std::lock_guard guard(visit.site.mutex);
    const LockTable& table = visit.site.locks;
    if (table.size() == 0) return {};
    locks = table.covering(path, visit.now());
    if (change.below) std::ranges::move(table.below(path, visit.now()), std::back_inserter(locks));
    if (change.parent && place.level == Level::kEntry) {
      const std::string above = lock_path(parent_of(place));
      std::ranges::move(table.covering(above, visit.now()), std::back_inserter(locks));
    }
  }
  const Lock* barrier = first_barrier(locks, visit.tokens, visit.call.account().id);
  if (barrier == nullptr) return {};
  Failure refusal{423, "it is locked"};
  refusal.condition = "<D:lock-token-submitted><D:href>/buckets/" +
                      url_encode(barrier->path, true) + "</D:href></D:lock-token-submitted>";
  return std::unexpected(std::move(refusal));
}

void forget_locks(Visit& visit, const Place& place) {
  const std::lock_guard guard(visit.site.mutex);
  visit.site.locks.forget(lock_path(place));
}

std::vector<Lock> locks_of(Visit& visit, const Place& place) {
  const std::lock_guard guard(visit.site.mutex);
  return visit.site.locks.covering(lock_path(place), visit.now());
}

}  // namespace kelp::webdav
