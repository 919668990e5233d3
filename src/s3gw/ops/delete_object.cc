#include <algorithm>

#include "s3gw/authorize.h"
#include "s3gw/core/actions.h"
#include "s3gw/core/config/shape.h"
#include "s3gw/core/error_xml.h"
#include "s3gw/core/header_text.h"
#include "s3gw/core/names.h"
#include "s3gw/core/request_xml.h"
#include "s3gw/core/version_id.h"
#include "s3gw/core/xml_writer.h"
#include "s3gw/ops/handlers.h"
#include "s3gw/ops/request_body.h"
#include "s3gw/s3_try.h"
#include "s3gw/write_headers.h"

namespace kelp::s3 {
namespace {

/// Of directory buckets. What they forbid must not be deleted.
constexpr std::string_view kForeignConditions[] = {"x-amz-if-match-size",
                                                   "x-amz-if-match-last-modified-time"};

/// DeleteObjects is refused without a checksum of its body: a flipped bit would delete another key.
S3Result<void> require_checksum(const Call& call) {
  if (has_body_checksum(call)) return {};
  return s3_error(S3Code::kInvalidRequest,
                  "Missing required header for this request: Content-MD5 OR x-amz-checksum-*");
}

using Outcome = S3Result<DeleteOutcome>;

/// What an entry asks of a bucket; nothing when it names a version that cannot be there.
struct Target {
  std::string key;
  std::optional<std::uint64_t> version_id;
};
std::optional<Target> target_of(const BucketEntry& bucket, std::string key,
                                std::optional<std::uint64_t> version_id) {
  if (bucket.versioning != Versioning::kNever) return Target{std::move(key), version_id};
  if (version_id && *version_id != kNullVersion) return std::nullopt;
  return Target{std::move(key), std::nullopt};
}

/// The version that an entry names. What can be said of it without asking the filer is an error.
S3Result<std::optional<std::uint64_t>> read_entry(const DeleteEntry& entry) {
  KELP_S3_CHECK(check_key(entry.key));
  if (entry.version_id.empty()) return std::nullopt;
  const auto id = read_version_id("versionId", entry.version_id);
  if (!id) return s3_error(S3Code::kNoSuchVersion);
  return *id;
}

/// Whether the request may delete what an entry names.
Task<S3Result<void>> authorize_entry(Call& call, DeleteEntry entry) {
  const bool version = !entry.version_id.empty();
  KELP_S3_CO_CHECK(
      co_await authorize_also(call, action_of(Operation::kDeleteObject, version), entry.key));
  if (!version || !bypasses_governance(call)) co_return S3Result<void>{};
  co_return co_await authorize_also(call, "s3:bypassgovernanceretention", entry.key);
}

/// Deletes all in one commit, but entries with a condition one by one.
Task<S3Result<std::vector<Outcome>>> delete_entries(Call& call, BucketEntry bucket,
                                                    const std::vector<DeleteEntry>& entries) {
  FilerClient& filer = call.services.deps.filer;
  std::vector<Outcome> outcomes(entries.size());
  std::vector<std::size_t> places;
  DeleteObjects request{.bucket = call.request.bucket, .keys = {}};
  request.bypass_governance = bypasses_governance(call);
  request.origin = origin_of(call, EventCause::kRemoval);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const auto version_id = read_entry(entries[i]);
    if (!version_id) {
      outcomes[i] = std::unexpected(version_id.error());
      continue;
    }
    if (auto may = co_await authorize_entry(call, entries[i]); !may) {
      outcomes[i] = std::unexpected(std::move(may).error());
      continue;
    }
    auto target = target_of(bucket, entries[i].key, *version_id);
    if (!target) continue;
    if (entries[i].etag) {
      ObjectKey name{.bucket = call.request.bucket,
                     .key = std::move(target->key),
                     .version_id = target->version_id};
      WriteConditions conditions{.if_match = entries[i].etag,
                                 .bypass_governance = request.bypass_governance,
                                 .origin = request.origin};
      const auto deleted = co_await filer.delete_object(std::move(name), conditions);
      if (deleted) {
        outcomes[i] = *deleted;
      } else {
        outcomes[i] = std::unexpected(write_error(deleted.error(), conditions));
      }
      continue;
    }
    places.push_back(i);
    request.keys.push_back(std::move(target->key));
    request.version_ids.push_back(target->version_id);
  }
  if (places.empty()) co_return outcomes;
  if (bucket.versioning == Versioning::kNever) request.version_ids.clear();
  auto deleted = co_await filer.delete_objects(std::move(request));
  KELP_S3_CO_TRY(const auto results, std::move(deleted));
  for (std::size_t i = 0; i < places.size() && i < results.size(); ++i) {
    if (results[i]) {
      outcomes[places[i]] = *results[i];
    } else {
      outcomes[places[i]] = std::unexpected(from_error(results[i].error()));
    }
  }
  co_return outcomes;
}

void write_outcome(XmlWriter& xml, const DeleteEntry& entry, const Outcome& outcome) {
  const std::string_view tag = outcome ? "Deleted" : "Error";
  xml.open(tag);
  xml.element("Key", entry.key);
  if (!entry.version_id.empty()) xml.element("VersionId", entry.version_id);
  if (!outcome) {
    xml.element("Code", text_of(outcome.error().code).code);
    xml.element("Message", message_of(outcome.error()));
  } else if (outcome->delete_marker) {
    xml.element("DeleteMarker", true);
    if (outcome->version_id) {
      xml.element("DeleteMarkerVersionId", version_id_text(*outcome->version_id));
    }
  }
  xml.close(tag);
}

std::string delete_result_xml(const DeleteBody& request, const std::vector<Outcome>& outcomes) {
  std::string body;
  body.reserve(256 + 128 * outcomes.size());
  XmlWriter xml(body);
  xml.begin("DeleteResult");
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    if (outcomes[i] && request.quiet) continue;
    write_outcome(xml, request.entries[i], outcomes[i]);
  }
  xml.close("DeleteResult");
  return body;
}

}  // namespace

Task<S3Result<void>> delete_object(Call& call) {
  KELP_S3_CO_TRY(const auto version_id, version_parameter(call));
  KELP_S3_CO_CHECK(refuse_headers(call, kForeignConditions));
  WriteConditions conditions{.bypass_governance = bypasses_governance(call),
                             .origin = origin_of(call, EventCause::kRemoval)};
  if (const auto match = call.header("if-match")) conditions.if_match = unquote_etag(*match);
  KELP_S3_CO_TRY(const BucketEntry bucket, co_await own_bucket(call));
  if (conditions.bypass_governance && !bucket.lock.enabled) {
    co_return bad_argument(
        "x-amz-bypass-governance-retention is only applicable to Object Lock enabled buckets.",
        "x-amz-bypass-governance-retention", "true");
  }
  DeleteOutcome outcome;
  if (auto target = target_of(bucket, call.request.key, version_id)) {
    ObjectKey name{.bucket = call.request.bucket,
                   .key = std::move(target->key),
                   .version_id = target->version_id};
    const auto deleted =
        co_await call.services.deps.filer.delete_object(std::move(name), conditions);
    if (!deleted) co_return std::unexpected(write_error(deleted.error(), conditions));
    outcome = *deleted;
  }
  HttpResponse head = begin_response(call, 204);
  if (outcome.delete_marker) head.add("x-amz-delete-marker", "true");
  add_version_id(outcome.version_id, head);
  co_await reply(call, std::move(head), {});
  co_return S3Result<void>{};
}

Task<S3Result<void>> delete_objects(Call& call) {
  KELP_S3_CO_CHECK(require_checksum(call));
  KELP_S3_CO_TRY(BucketEntry bucket, co_await own_bucket(call));
  KELP_S3_CO_TRY(std::string body, co_await read_request_xml(call, kMaxListXmlBytes));
  KELP_S3_CO_TRY(const DeleteBody request, parse_delete(std::move(body)));
  KELP_S3_CO_TRY(const std::vector<Outcome> outcomes,
                 co_await delete_entries(call, std::move(bucket), request.entries));
  co_await reply_xml(call, delete_result_xml(request, outcomes));
  co_return S3Result<void>{};
}

}  // namespace kelp::s3
