#include "server/fids/fid_http.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "base/log.h"
#include "kelp/version.h"
#include "net/http_answers.h"
#include "s3gw/core/http_date.h"
#include "s3gw/core/range.h"
#include "webdav/core/guard.h"
#include "wire/collections.h"

namespace kelp::server {
namespace {

namespace json = boost::json;

constexpr std::size_t kPieceBytes = 256 * 1024;

bool is_read(std::string_view method) {
  return method == "GET" || method == "HEAD";
}

/// The name that came with a file, as far as it may stand in a header.
std::string disposition_of(std::string_view name) {
  std::string safe(name);
  std::ranges::replace_if(
      safe, [](unsigned char c) { return c < ' ' || c >= 0x7f || c == '"' || c == '\\'; }, '_');
  return fmt::format("inline; filename=\"{}\"", safe);
}

/// What every answer about a needle says of it.
HttpResponse begin_answer(int status, const s3::Validators& needle) {
  HttpResponse head(status);
  head.add("ETag", fmt::format("\"{}\"", needle.etag));
  head.add("Last-Modified", s3::http_date(needle.modified));
  head.add("Accept-Ranges", "bytes");
  return head;
}

/// A peer that went away is nobody's concern here.
Task<Result<void>> send_text(HttpExchange exchange, HttpResponse head, std::string text) {
  head.add("Content-Type", "text/plain; charset=utf-8");
  if (exchange.request.method == "HEAD") {
    [[maybe_unused]] const auto sent =
        co_await exchange.response.send_head(std::move(head), text.size());
  } else {
    [[maybe_unused]] const auto sent =
        co_await exchange.response.send(std::move(head), std::move(text));
  }
  co_return Result<void>();
}

}  // namespace

Task<void> FidHttp::handle(HttpExchange exchange) {
  const auto outcome = co_await answer(exchange);
  if (outcome) co_return;
  const Error& error = outcome.error();
  const int status = http_status_of(error.code());
  if (status >= 500 && status != 501 && error.code() != Errc::kCancelled) {
    logger("volume").warn("http_failed method={} target={} status={} error={}",
                          exchange.request.method,
                          log_value(exchange.request.target.substr(
                              0, exchange.request.target.find('?'))),  // no token in a log
                          status, log_value(error.message()));
  }
  // An answer that has begun is cut short: the peer sees the loss by its length.
  if (exchange.response.started()) co_return;
  HttpResponse head(status);
  if (status == 401) head.add("WWW-Authenticate", "Bearer");
  if (status == 503) head.add("Retry-After", "1");
  [[maybe_unused]] const auto sent =
      co_await send_text(exchange, std::move(head), error.detail() + "\n");
}

std::pair<std::string, std::string> FidHttp::refusal(int, const Error& error) {
  return {"text/plain; charset=utf-8", error.detail() + "\n"};
}

Task<Result<void>> FidHttp::answer(HttpExchange exchange) {
  const HttpRequest& request = exchange.request;
  const bool reads = is_read(request.method);
  const std::string_view path = request.target.substr(0, request.target.find('?'));
  if (reads && path == "/healthz") {
    co_return co_await send_text(exchange, HttpResponse(200), "ok\n");
  }
  if (reads && path == "/status") co_return co_await status(exchange);
  const bool writes = request.method == "PUT" || request.method == "POST";
  if (!reads && !writes && request.method != "DELETE") {
    HttpResponse head(405);
    head.add("Allow", "GET, HEAD, PUT, POST, DELETE");
    co_return co_await send_text(exchange, std::move(head), "no such method\n");
  }
  KELP_CO_TRY(FidTarget target, parse_fid_target(request.target));
  if (reads) co_return co_await get(exchange, std::move(target));
  if (writes) co_return co_await put(exchange, std::move(target));
  co_return co_await remove(exchange, std::move(target));
}

Task<Result<void>> FidHttp::status(HttpExchange exchange) {
  KELP_CO_TRY(const NodeStatus node, co_await parts_.volumes.status());
  json::array volumes;
  for (const VolumeStatus& volume : node.volumes) {
    volumes.push_back({{"Id", volume.volume.value},
                       {"Size", volume.file_bytes},
                       {"Collection", volume.collection},
                       {"Generation", volume.generation.value},
                       {"FileCount", volume.needle_count},
                       {"ReadOnly", volume.read_only}});
  }
  const json::value body{{"Version", kVersion}, {"Volumes", std::move(volumes)}};
  HttpResponse head(200);
  head.add("Content-Type", "application/json");
  head.add("Cache-Control", "no-store");
  std::string text = json::serialize(body) + "\n";
  const bool bodyless = exchange.request.method == "HEAD";
  auto sending = bodyless ? exchange.response.send_head(std::move(head), text.size())
                          : exchange.response.send(std::move(head), std::move(text));
  [[maybe_unused]] const auto sent = co_await std::move(sending);
  co_return Result<void>();
}

Task<Result<void>> FidHttp::get(HttpExchange exchange, FidTarget target) {
  const HttpRequest& request = exchange.request;
  const FileId fid = target.fid;
  KELP_CO_TRY(const std::string collection, parts_.volumes.collection_of(fid.volume));
  if (collection != kFidCollection) {
    if (!from_this_machine(request.remote_address)) {
      co_return Error(Errc::kPermissionDenied,
                      fmt::format("needles of buckets are shown on this machine only; a file of "
                                  "collection {} has no such guard",
                                  kFidCollection));
    }
    if (webdav::from_foreign_page("PUT", request.headers)) {
      co_return Error(Errc::kPermissionDenied, "pages of other sites are not shown buckets");
    }
  }
  KELP_CO_TRY(const NeedleFrame frame, co_await parts_.volumes.head(fid));
  if (frame.header.part) {
    co_return Error(Errc::kConflict,
                    fmt::format("{} is shard {} of {} here, not the bytes of a file: read the "
                                "object over S3",
                                to_string(fid), frame.header.part->shard,
                                to_string(frame.header.part->scheme)));
  }
  const std::string etag = etag_of(frame);
  const std::uint64_t size = frame.header.body_bytes;
  const s3::Validators needle{etag, WallTime(std::chrono::nanoseconds(frame.header.created_ns))};
  const s3::ConditionOutcome conditions =
      s3::evaluate(s3::read_conditions(request.headers), needle);
  if (conditions.result == s3::ConditionResult::kNotModified) {
    [[maybe_unused]] const auto sent =
        co_await exchange.response.send_head(begin_answer(304, needle), size);
    co_return Result<void>();
  }
  if (conditions.result == s3::ConditionResult::kPreconditionFailed) {
    co_return co_await send_text(exchange, begin_answer(412, needle),
                                 fmt::format("{} does not hold\n", conditions.condition));
  }
  std::optional<s3::ByteRange> range;
  if (const auto asked = request.header("Range"); asked && range_counts(request, needle)) {
    const auto resolved = s3::resolve_ranges(*asked, size);
    if (!resolved) {
      HttpResponse head = begin_answer(416, needle);
      head.add("Content-Range", fmt::format("bytes */{}", size));
      co_return co_await send_text(exchange, std::move(head), "no byte of it is asked for\n");
    }
    if (resolved->size() == 1) range = resolved->front();  // several: the whole
  }
  HttpResponse head = begin_answer(range ? 206 : 200, needle);
  head.add("Content-Type", "application/octet-stream");
  head.add("X-Content-Type-Options", "nosniff");
  KELP_CO_TRY(const BackPointer pointer, split_back_pointer(frame.header, frame.back_pointer));
  if (collection == kFidCollection && !pointer.key.empty()) {
    head.add("Content-Disposition", disposition_of(pointer.key));
  }
  if (range) {
    head.add("Content-Range", fmt::format("bytes {}-{}/{}", range->offset,
                                          range->offset + range->size_bytes - 1, size));
  }
  const auto [offset, bytes] = range.value_or(s3::ByteRange{.offset = 0, .size_bytes = size});
  if (request.method == "HEAD") {
    [[maybe_unused]] const auto sent = co_await exchange.response.send_head(std::move(head), bytes);
    co_return Result<void>();
  }
  co_return co_await send_body(exchange, std::move(head), fid, offset, bytes);
}

/// The head stays back until the first piece was read and compared.
Task<Result<void>> FidHttp::send_body(HttpExchange exchange, HttpResponse head, FileId fid,
                                      std::uint64_t offset, std::uint64_t bytes) {
  const auto share = memory_.take(std::min<std::uint64_t>(kPieceBytes, bytes));
  if (!share) co_return Error(Errc::kResourceExhausted, "limits.body_memory is spent");
  std::string piece;
  const std::uint64_t end = offset + bytes;
  std::optional<HttpResponse> unsent = std::move(head);
  while (offset < end) {
    PinnedPages pages;
    if (exchange.response.takes_pages()) {
      pages = parts_.volumes.try_pin(fid, offset, end - offset);
    }
    const bool lent = !pages.empty();
    std::uint64_t moved = pages.size();
    if (!lent) {
      moved = std::min<std::uint64_t>(end - offset, kPieceBytes - offset % kPieceBytes);
      piece.resize(moved);
      const auto buffer = std::as_writable_bytes(std::span(piece));
      KELP_CO_CHECK(co_await parts_.volumes.read(fid, offset, buffer));
    }
    if (unsent) exchange.response.start(*std::exchange(unsent, std::nullopt), bytes);
    auto sending = lent ? exchange.response.write_pages(std::move(pages))
                        : exchange.response.write(as_bytes(piece));
    const Result<void> sent = co_await std::move(sending);
    if (!sent) co_return Result<void>();  // the peer went away
    offset += moved;
  }
  [[maybe_unused]] const auto finished = co_await exchange.response.finish();
  co_return Result<void>();
}

}  // namespace kelp::server
