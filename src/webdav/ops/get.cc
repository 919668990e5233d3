#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/encoding.h"
#include "s3gw/core/header_text.h"
#include "s3gw/core/s3_request.h"
#include "s3gw/ops/handlers.h"
#include "webdav/ops/handlers.h"
#include "webdav/permission.h"

namespace kelp::webdav {
namespace {

/// What a listing's query asks for.
struct ListQuery {
  ListWish wish;
  std::string repeated;  ///< For the link to the next page: "limit=10&".
};

Outcome<ListQuery> read_query(const s3::Query& query) {
  ListQuery asked;
  if (const auto limit = query.get("limit"); limit && !limit->empty()) {
    std::uint64_t number = 0;
    const auto [end, code] = std::from_chars(limit->data(), limit->data() + limit->size(), number);
    if (code != std::errc{} || end != limit->data() + limit->size() || number == 0) {
      return failed(400, "limit is not a whole number from 1 on");
    }
    asked.wish.limit = static_cast<std::uint32_t>(std::min<std::uint64_t>(number, kMaxListed));
    asked.repeated = fmt::format("limit={}&", asked.wish.limit);
  }
  asked.wish.after = query.get("lastFileName").value_or("");
  asked.wish.pattern = query.get("namePattern").value_or("");
  if (!asked.wish.pattern.empty()) {
    asked.repeated += fmt::format("namePattern={}&", url_encode(asked.wish.pattern, false));
  }
  return asked;
}

bool wants_json(const Visit& visit) {
  std::string_view rest = visit.call.header("accept").value_or("");
  while (!rest.empty()) {
    std::string_view range = s3::cut(rest, ',');
    if (s3::equals_lower(s3::trimmed(s3::cut(range, ';')), "application/json")) return true;
  }
  return false;
}

Task<Outcome<void>> send_listing(Visit& visit, Place place) {
  KELP_DAV_CO_TRY(ListQuery asked, read_query(visit.query));
  KELP_DAV_CO_CHECK(co_await ask_to_list(visit, place, asked.wish.limit));
  KELP_DAV_CO_TRY(const Found found, co_await look_up(visit, std::move(place)));
  if (!found.directory()) co_return failed(404, "nothing is here");
  KELP_DAV_CO_TRY(const ListingPage page, co_await list_page(visit, found.place, asked.wish));
  const bool json = wants_json(visit);
  HttpResponse head = s3::begin_response(visit.call, 200);
  head.add("Content-Type", json ? "application/json" : "text/html; charset=utf-8");
  head.add("Cache-Control", "no-store");
  head.add("Vary", "Accept");
  co_await reply(visit, std::move(head),
                 json ? listing_json(page) : listing_html(page, asked.repeated));
  co_return Outcome<void>{};
}

}  // namespace

// A file costs what a GET over S3 does: whether the path is a directory is asked only when no
// object is there.
Task<Outcome<void>> get(Visit& visit) {
  const Place& place = visit.place;
  if (place.level == Level::kEntry && !place.slash) {
    const bool head = visit.call.http.method == "HEAD";
    const auto operation = head ? s3::Operation::kHeadObject : s3::Operation::kGetObject;
    KELP_DAV_CO_CHECK(co_await ask(visit, operation, place.bucket, place.key));
    auto sent = co_await s3::get_object(visit.call);
    if (sent) co_return Outcome<void>{};
    if (sent.error().code != s3::S3Code::kNoSuchKey) {
      co_return std::unexpected(as_failure(sent.error()));
    }
  }
  co_return co_await send_listing(visit, place);
}

}  // namespace kelp::webdav
