#include "catalog/objects.h"

#include <algorithm>

#include "base/encoding.h"
#include "catalog/captured.h"
#include "s3gw/authorize.h"
#include "s3gw/core/xml_writer.h"
#include "s3gw/ops/handlers.h"
#include "s3gw/s3_try.h"

namespace kelp::catalog {
namespace {

using s3::Operation;
using s3::S3Code;

/// A request to S3 that the catalog makes for who asks.
struct Inner {
  Operation operation = Operation::kGetObject;
  std::string_view method = "GET";
  ObjectName name;
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::string query = {};
  std::string body = {};
};

/// Runs it, or, without `out`, only asks whether it may be run.
Task<s3::S3Result<void>> run(Visit& visit, const Inner& inner, Captured* out) {
  std::vector<HttpHeader> headers;
  for (const auto& [name, value] : inner.headers) headers.push_back({name, value});
  if (const auto agent = visit.http.header("user-agent")) headers.push_back({"user-agent", *agent});
  const HttpRequest http{.method = inner.method,
                         .target = "/",
                         .headers = headers,
                         .content_length = inner.body.size(),
                         .secure = visit.http.secure,
                         .remote_address = visit.http.remote_address};
  const s3::Scope scope = inner.name.key.empty() ? s3::Scope::kBucket : s3::Scope::kObject;
  KELP_S3_CO_TRY(s3::Query query, s3::Query::parse(inner.query));
  GivenBody body(inner.body);
  Captured nowhere(visit.services.buffers, 0);
  s3::Call call{.services = visit.services,
                .http = http,
                .body = body,
                .response = out == nullptr ? nowhere : *out,
                .id = {},
                .request = {.scope = scope,
                            .bucket = inner.name.bucket,
                            .key = inner.name.key,
                            .query = std::move(query)},
                .operation = inner.operation,
                .auth = visit.auth,
                .headers = headers};
  std::ranges::copy_n(visit.id.begin(), static_cast<std::ptrdiff_t>(call.id.size()),
                      call.id.begin());
  KELP_S3_CO_CHECK(co_await s3::authorize(call));
  if (out == nullptr) co_return s3::S3Result<void>{};
  const s3::Handler handler = s3::handler_of(inner.operation);
  co_return co_await handler(call);
}

bool is_refusal(const s3::S3Error& error) {
  return error.code == S3Code::kPreconditionFailed ||
         error.code == S3Code::kConditionalRequestConflict || error.code == S3Code::kNoSuchKey;
}

/// What a conditional write came to.
Outcome<Done> done(s3::S3Result<void> result) {
  if (result) return Done::kYes;
  if (is_refusal(result.error())) return Done::kRefused;
  return std::unexpected(as_failure(result.error()));
}

}  // namespace

Task<Outcome<std::optional<Found>>> read_object(Visit& visit, ObjectName name) {
  Captured answer(visit.services.buffers, kMaxObjectBytes);
  const Inner inner{.name = std::move(name)};
  const auto result = co_await run(visit, inner, &answer);
  if (!result && result.error().code == S3Code::kNoSuchKey) co_return std::nullopt;
  KELP_CATALOG_CO_CHECK(result);
  switch (answer.trouble()) {
    case Captured::Trouble::kTooLarge:
      co_return bad_request("the metadata of the table is over 12 MiB");
    case Captured::Trouble::kNoMemory:
      co_return failed(503, "ServiceUnavailableException", "too many large requests at once");
    case Captured::Trouble::kCut:
      co_return failed(500, "InternalServerError", "an object could not be read whole");
    case Captured::Trouble::kNone:
      break;
  }
  visit.memory.push_back(answer.take_room());
  co_return Found{.text = answer.take_text(), .etag = std::string(answer.line("ETag"))};
}

Task<Outcome<Done>> write_object(Visit& visit, ObjectName name, std::string text,
                                 std::optional<Expected> expected) {
  Captured answer(visit.services.buffers, 0);
  Inner inner{.operation = Operation::kPutObject, .method = "PUT", .name = std::move(name)};
  inner.headers.emplace_back("content-type", "application/json");
  if (expected && expected->etag.empty()) {
    inner.headers.emplace_back("if-none-match", "*");
  } else if (expected) {
    inner.headers.emplace_back("if-match", expected->etag);
  }
  inner.body = std::move(text);
  co_return done(co_await run(visit, inner, &answer));
}

Task<Outcome<Done>> remove_object(Visit& visit, ObjectName name, std::string etag) {
  Captured answer(visit.services.buffers, 0);
  Inner inner{.operation = Operation::kDeleteObject, .method = "DELETE", .name = std::move(name)};
  if (!etag.empty()) inner.headers.emplace_back("if-match", std::move(etag));
  co_return done(co_await run(visit, inner, &answer));
}

Task<Outcome<Done>> rename_object(Visit& visit, ObjectName from, std::string to, std::string etag) {
  Captured answer(visit.services.buffers, 0);
  Inner inner{.operation = Operation::kRenameObject,
              .method = "PUT",
              .name = {.bucket = from.bucket, .key = std::move(to)}};
  inner.headers = {{"x-amz-rename-source", url_encode(from.key, true)},
                   {"x-amz-rename-source-if-match", std::move(etag)},
                   {"if-none-match", "*"}};
  co_return done(co_await run(visit, inner, &answer));
}

Task<Outcome<Listed>> list_objects(Visit& visit, ListWish wish) {
  const std::string_view delimiter = wish.deep ? "" : "/";
  Inner inner{.operation = Operation::kListObjectsV2,
              .name = {.bucket = wish.below.bucket, .key = {}}};
  inner.query = "list-type=2&prefix=" + url_encode(wish.below.key, false);
  if (!wish.deep) inner.query += "&delimiter=%2F";
  KELP_CATALOG_CO_CHECK(co_await run(visit, inner, nullptr));
  ListObjects request{.bucket = wish.below.bucket,
                      .prefix = wish.below.key,
                      .delimiter = std::string(delimiter),
                      .start_after = wish.after,
                      .limit = wish.limit};
  auto page = co_await visit.services.deps.filer.list_objects(std::move(request));
  KELP_CATALOG_CO_CHECK(page);
  Listed listed;
  for (ListedObject& object : page->objects) listed.keys.push_back(std::move(object.key));
  if (page->truncated) listed.next = page->next;
  co_return listed;
}

Task<Outcome<void>> remove_below(Visit& visit, ObjectName prefix) {
  while (true) {
    ListWish wish{.below = prefix, .after = {}, .limit = 1000, .deep = true};
    KELP_CATALOG_CO_TRY(const Listed page, co_await list_objects(visit, std::move(wish)));
    if (page.keys.empty()) co_return Outcome<void>{};
    Inner inner{.operation = Operation::kDeleteObjects,
                .method = "POST",
                .name = {.bucket = prefix.bucket, .key = {}}};
    s3::XmlWriter xml(inner.body);
    xml.begin("Delete");
    xml.element("Quiet", true);
    for (const std::string& key : page.keys) {
      xml.open("Object");
      xml.element("Key", key);
      xml.close("Object");
    }
    xml.close("Delete");
    const Sha256 digest = sha256(inner.body);
    inner.headers.emplace_back("x-amz-checksum-sha256", base64_encode(view(digest)));
    Captured answer(visit.services.buffers, kMaxObjectBytes);
    KELP_CATALOG_CO_CHECK(co_await run(visit, inner, &answer));
    if (answer.take_text().contains("<Error>")) {
      co_return failed(403, "ForbiddenException",
                       "the table is dropped, but some of its files could not be deleted");
    }
    if (page.next.empty()) co_return Outcome<void>{};
  }
}

}  // namespace kelp::catalog
