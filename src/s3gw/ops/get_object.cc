#include <algorithm>
#include <chrono>

#include "crypto/random.h"
#include "s3gw/archive.h"
#include "s3gw/core/checksum.h"
#include "s3gw/core/conditions.h"
#include "s3gw/core/header_text.h"
#include "s3gw/core/http_date.h"
#include "s3gw/core/range.h"
#include "s3gw/encryption.h"
#include "s3gw/expiration.h"
#include "s3gw/object_headers.h"
#include "s3gw/ops/handlers.h"
#include "s3gw/ops/object_body.h"
#include "s3gw/s3_try.h"
#include "s3gw/write_headers.h"

namespace kelp::s3 {
namespace {

/// What of the object the answer carries.
struct Selection {
  ByteRange range;                     ///< Empty objects: size 0.
  std::vector<ByteRange> several;      ///< Instead of `range`, when there is more than one.
  bool partial = false;                ///< 206, with Content-Range unless there are several.
  const PartInfo* part = nullptr;      ///< The part that partNumber named.
  std::optional<std::uint64_t> parts;  ///< x-amz-mp-parts-count.
};

S3Result<Selection> select_part(const ObjectEntry& entry, std::string_view text) {
  std::uint32_t number = 0;
  for (const char c : text) {
    if (c < '0' || c > '9' || number > 10'000) number = 20'000;
    if (number <= 10'000) number = number * 10 + static_cast<std::uint32_t>(c - '0');
  }
  if (number < 1 || number > 10'000) {
    return std::unexpected(
        S3Error{S3Code::kInvalidArgument,
                "Part number must be an integer between 1 and 10000, inclusive",
                {{"ArgumentName", "partNumber"}, {"ArgumentValue", std::string(text)}}});
  }
  Selection selection{.range = {.offset = 0, .size_bytes = entry.size_bytes}};
  selection.partial = entry.size_bytes > 0;
  if (entry.parts.empty()) {
    if (number == 1) return selection;
  } else {
    selection.parts = entry.parts.size();
  }
  // The client's part numbers may have gaps; partNumber counts the parts that are there.
  if (number > entry.parts.size()) {
    return std::unexpected(S3Error{
        S3Code::kInvalidPartNumber,
        {},
        {{"PartNumberRequested", std::to_string(number)},
         {"ActualPartCount", std::to_string(std::max<std::size_t>(entry.parts.size(), 1))}}});
  }
  selection.part = &entry.parts[number - 1];
  for (std::uint32_t i = 0; i + 1 < number; ++i) {
    selection.range.offset += entry.parts[i].size_bytes;
  }
  selection.range.size_bytes = selection.part->size_bytes;
  return selection;
}

/// If-Range (RFC 9110 section 13.1.5): a range is of what the client has already, or of nothing.
bool is_what_client_has(const Call& call, const ObjectEntry& entry) {
  const auto held = call.header("if-range");
  if (!held) return true;
  if (const auto date = parse_http_date(*held)) {
    return std::chrono::floor<std::chrono::seconds>(entry.modified) == *date;
  }
  return etag_list_matches(*held, etag_text(entry), false);
}

S3Result<Selection> select(const Call& call, const ObjectEntry& entry) {
  const auto range = call.header("range");
  if (const auto part = call.parameter("partNumber")) {
    if (range) {
      return s3_error(S3Code::kInvalidRequest,
                      "Cannot specify both Range header and partNumber query parameter");
    }
    return select_part(entry, *part);
  }
  Selection whole{.range = {.offset = 0, .size_bytes = entry.size_bytes}};
  if (!range || !is_what_client_has(call, entry)) return whole;
  KELP_S3_TRY(std::vector<ByteRange> ranges, resolve_ranges(*range, entry.size_bytes));
  if (ranges.empty()) return whole;
  Selection selection{.range = ranges.front(), .partial = true};
  if (ranges.size() == 1) return selection;
  // The parts' own lines are in no encoding.
  if (std::ranges::count(entry.headers.standard, "content-encoding",
                         &std::pair<std::string, std::string>::first) > 0) {
    return whole;
  }
  selection.several = std::move(ranges);
  return selection;
}

/// The answer when a condition of the request does not hold: 304 without a body.
Task<void> reply_not_modified(Call& call, const FoundObject& found) {
  const ObjectEntry& entry = found.entry;
  HttpResponse head = begin_response(call, 304);
  add_version_id(shown_version_id(found.bucket, entry), head);
  head.add("Last-Modified", http_date(entry.modified));
  add_etag(entry, head);
  for (const auto& [name, value] : entry.headers.standard) {
    if (name == "cache-control" || name == "expires") head.add(name, value);
  }
  (void)co_await call.response.send_head(std::move(head), std::nullopt);
}

/// Names that AWS knows behind `response-`.
constexpr std::string_view kOverridable[] = {"cache-control",    "content-disposition",
                                             "content-encoding", "content-language",
                                             "content-type",     "expires"};

S3Result<void> check_overrides(const Call& call) {
  if (call.request.query.empty()) return {};
  for (const auto& [name, value] : call.request.query.parameters()) {
    constexpr std::string_view kPrefix = "response-";
    if (!name.starts_with(kPrefix)) continue;
    const std::string_view target = std::string_view(name).substr(kPrefix.size());
    if (std::ranges::find(kOverridable, target) != std::end(kOverridable)) {
      // Or anybody could make a page of anybody's upload.
      if (call.auth.credential != nullptr) continue;
      return s3_error(S3Code::kInvalidRequest,
                      "Request specific response headers cannot be used for anonymous GET "
                      "requests.");
    }
    return std::unexpected(
        S3Error{S3Code::kInvalidArgument,
                std::string(name) +
                    " is not in the set of overridable response headers. Please refer to the S3 "
                    "API documentation for a complete list of overridable response headers.",
                {{"ArgumentName", std::string(name)}, {"ArgumentValue", std::string(value)}}});
  }
  return {};
}

/// `response-…` parameters replace stored headers; the entry is a copy of ours.
void override_headers(const Call& call, ObjectHeaders& headers) {
  if (call.request.query.empty()) return;
  constexpr std::string_view kPrefix = "response-";
  for (const auto& [name, value] : call.request.query.parameters()) {
    if (!name.starts_with(kPrefix) || value.empty()) continue;
    const std::string_view target = name.substr(kPrefix.size());
    if (target == "content-type") {
      headers.content_type.assign(value);
    } else if (target == "cache-control" || target == "content-disposition" ||
               target == "content-encoding" || target == "content-language" ||
               target == "expires") {
      std::erase_if(headers.standard, [&](const auto& line) { return line.first == target; });
      headers.standard.emplace_back(target, value);
    }
  }
}

std::string content_range(const ByteRange& range, std::uint64_t object_bytes) {
  return "bytes " + std::to_string(range.offset) + '-' +
         std::to_string(range.offset + range.size_bytes - 1) + '/' + std::to_string(object_bytes);
}

HttpResponse object_head(Call& call, const FoundObject& found, const Selection& selection) {
  const ObjectEntry& entry = found.entry;
  HttpResponse head =
      begin_response(call, call.document_status.value_or(selection.partial ? 206 : 200));
  add_version_id(shown_version_id(found.bucket, entry), head);
  head.add("Accept-Ranges", "bytes");
  // Who signs no header may be a browser; it must not take an upload for a page.
  if (!is_in_header(call.auth.kind)) head.add("X-Content-Type-Options", "nosniff");
  add_object_headers(entry, head);
  add_encryption(call, entry.headers.encryption, head);
  // Older versions have rules of their own.
  if (!call.parameter("versionId")) add_expiration(call, call.request.key, entry, head);
  add_restore(call, entry, head);
  if (selection.partial && selection.several.empty()) {
    head.add("Content-Range", content_range(selection.range, entry.size_bytes));
  }
  if (selection.parts) head.add("x-amz-mp-parts-count", *selection.parts);
  const auto mode = call.header("x-amz-checksum-mode");
  if (mode && equals_lower(*mode, "enabled")) {
    const bool whole = selection.several.empty() && selection.part == nullptr &&
                       selection.range.size_bytes == entry.size_bytes;
    if (whole) add_checksums(entry.checksums, head);
    if (selection.part != nullptr) add_checksums(selection.part->checksums, head);
  }
  return head;
}

/// The parts of a multipart/byteranges answer (RFC 9110 section 14.6), and the line that ends it.
std::vector<Stretch> stretches_of(const Selection& selection, std::string_view boundary,
                                  std::string_view type, std::uint64_t object_bytes) {
  std::vector<Stretch> stretches;
  for (const ByteRange& range : selection.several) {
    std::string before = stretches.empty() ? "--" : "\r\n--";
    before.append(boundary).append("\r\nContent-Type: ").append(type);
    before.append("\r\nContent-Range: ").append(content_range(range, object_bytes));
    stretches.push_back({.before = before + "\r\n\r\n", .range = range});
  }
  stretches.push_back({.before = "\r\n--" + std::string(boundary) + "--\r\n", .range = {}});
  return stretches;
}

}  // namespace

Task<S3Result<void>> get_object(Call& call) {
  const bool head_only = call.http.method == "HEAD";
  KELP_S3_CO_CHECK(check_overrides(call));
  KELP_S3_CO_TRY(FoundObject found, co_await find_object(call, !head_only));
  ObjectEntry& entry = found.entry;
  call.object_bytes = entry.size_bytes;
  KELP_S3_CO_CHECK(refuse_write_encryption(call));
  KELP_S3_CO_CHECK(co_await check_read_key(call, entry.headers.encryption));

  if (const ReadConditions conditions = read_conditions(call.headers); conditions.any()) {
    const std::string etag = etag_text(entry);
    const ConditionOutcome outcome =
        evaluate(conditions, {.etag = etag, .modified = entry.modified});
    if (outcome.result == ConditionResult::kPreconditionFailed) {
      co_return std::unexpected(precondition_failed(outcome.condition));
    }
    if (outcome.result == ConditionResult::kNotModified) {
      co_await reply_not_modified(call, found);
      co_return S3Result<void>{};
    }
  }
  if (!head_only) KELP_S3_CO_CHECK(check_readable(call, entry));
  KELP_S3_CO_TRY(const Selection selection, select(call, entry));
  override_headers(call, entry.headers);
  const Stretch one{.before = {}, .range = selection.range};
  std::vector<Stretch> several;
  if (!selection.several.empty()) {
    const std::string boundary = random_token(24);
    std::string type =
        std::exchange(entry.headers.content_type, "multipart/byteranges; boundary=" + boundary);
    if (type.empty()) type = "binary/octet-stream";
    several = stretches_of(selection, boundary, type, entry.size_bytes);
  }
  const std::span<const Stretch> body = several.empty() ? std::span(&one, 1) : several;
  HttpResponse head = object_head(call, found, selection);
  if (head_only) {
    (void)co_await call.response.send_head(std::move(head), body_bytes(body));
    co_return S3Result<void>{};
  }
  co_return co_await send_object(call, std::move(head), found, body);
}

}  // namespace kelp::s3
