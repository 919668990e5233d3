#include <algorithm>

#include "s3gw/core/error_xml.h"
#include "s3gw/core/header_text.h"
#include "s3gw/core/names.h"
#include "s3gw/core/request_xml.h"
#include "s3gw/core/xml_writer.h"
#include "s3gw/ops/handlers.h"
#include "s3gw/ops/request_body.h"
#include "s3gw/s3_try.h"
#include "s3gw/write_headers.h"

namespace kelp::s3 {
namespace {

/// DeleteObjects is refused without a checksum of its body: a flipped bit would delete another key.
S3Result<void> require_checksum(const Call& call) {
  for (const HttpHeader& header : call.headers) {
    if (equals_lower(header.name, "content-md5")) return {};
    if (starts_with_lower(header.name, "x-amz-checksum-")) return {};
    if (equals_lower(header.name, "x-amz-trailer") &&
        starts_with_lower(header.value, "x-amz-checksum-")) {
      return {};
    }
  }
  return s3_error(S3Code::kInvalidRequest,
                  "Missing required header for this request: Content-MD5 OR x-amz-checksum-*");
}

using Outcome = std::optional<S3Error>;  ///< Nothing: deleted.

/// What can be said of an entry without asking the filer.
Outcome refuse(const DeleteEntry& entry) {
  if (const auto checked = check_key(entry.key); !checked) return checked.error();
  if (!entry.version_id.empty() && entry.version_id != "null") {
    return S3Error{S3Code::kNoSuchVersion, {}, {}};
  }
  return std::nullopt;
}

/// Deletes all in one commit, but entries with a condition one by one.
Task<S3Result<std::vector<Outcome>>> delete_entries(Call& call,
                                                    const std::vector<DeleteEntry>& entries) {
  FilerClient& filer = call.services.deps.filer;
  std::vector<Outcome> outcomes(entries.size());
  std::vector<std::size_t> places;
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    outcomes[i] = refuse(entries[i]);
    if (outcomes[i]) continue;
    if (entries[i].etag) {
      ObjectKey name{.bucket = call.request.bucket, .key = entries[i].key};
      WriteConditions conditions{.if_match = entries[i].etag};
      const auto deleted = co_await filer.delete_object(std::move(name), conditions);
      if (!deleted) outcomes[i] = write_error(deleted.error(), conditions);
      continue;
    }
    places.push_back(i);
    keys.push_back(entries[i].key);
  }
  if (keys.empty()) co_return outcomes;
  auto deleted = co_await filer.delete_objects(call.request.bucket, std::move(keys));
  KELP_S3_CO_TRY(const auto results, std::move(deleted));
  for (std::size_t i = 0; i < places.size() && i < results.size(); ++i) {
    if (!results[i]) outcomes[places[i]] = from_error(results[i].error());
  }
  co_return outcomes;
}

std::string delete_result_xml(const DeleteBody& request, const std::vector<Outcome>& outcomes) {
  std::string body;
  body.reserve(256 + 128 * outcomes.size());
  XmlWriter xml(body);
  xml.begin("DeleteResult");
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    const DeleteEntry& entry = request.entries[i];
    if (!outcomes[i] && request.quiet) continue;
    const std::string_view tag = outcomes[i] ? "Error" : "Deleted";
    xml.open(tag);
    xml.element("Key", entry.key);
    if (!entry.version_id.empty()) xml.element("VersionId", entry.version_id);
    if (outcomes[i]) {
      xml.element("Code", text_of(outcomes[i]->code).code);
      xml.element("Message", message_of(*outcomes[i]));
    }
    xml.close(tag);
  }
  xml.close("DeleteResult");
  return body;
}

}  // namespace

Task<S3Result<void>> delete_object(Call& call) {
  KELP_S3_CO_CHECK(check_version_parameter(call));
  WriteConditions conditions;
  if (const auto match = call.header("if-match")) conditions.if_match = unquote_etag(*match);
  KELP_S3_CO_CHECK(co_await own_bucket(call));
  ObjectKey name{.bucket = call.request.bucket, .key = call.request.key};
  const auto deleted = co_await call.services.deps.filer.delete_object(std::move(name), conditions);
  if (!deleted) co_return std::unexpected(write_error(deleted.error(), conditions));
  co_await reply_empty(call, 204);
  co_return S3Result<void>{};
}

Task<S3Result<void>> delete_objects(Call& call) {
  KELP_S3_CO_CHECK(require_checksum(call));
  KELP_S3_CO_CHECK(co_await own_bucket(call));
  KELP_S3_CO_TRY(std::string body, co_await read_request_xml(call, kMaxListXmlBytes));
  KELP_S3_CO_TRY(const DeleteBody request, parse_delete(std::move(body)));
  KELP_S3_CO_TRY(const std::vector<Outcome> outcomes,
                 co_await delete_entries(call, request.entries));
  co_await reply_xml(call, delete_result_xml(request, outcomes));
  co_return S3Result<void>{};
}

}  // namespace kelp::s3
