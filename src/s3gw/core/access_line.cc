#include "s3gw/core/access_line.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/encoding.h"
#include "s3gw/core/redaction.h"

namespace kelp::s3 {
namespace {

using enum Operation;

/// The last part of an operation's name; the middle one, too, where it is not the method.
struct Row {
  Operation operation;
  std::string_view resource;
  std::string_view verb = {};
};

constexpr auto kRows = std::to_array<Row>({
    {kGetObject, "OBJECT"},
    {kHeadObject, "OBJECT"},
    {kPutObject, "OBJECT"},
    {kPostObject, "OBJECT"},
    {kDeleteObject, "OBJECT"},
    {kCopyObject, "OBJECT", "COPY"},
    {kRenameObject, "OBJECT", "RENAME"},
    {kGetObjectAttributes, "OBJECT_ATTRIBUTES"},
    {kUploadPart, "PART"},
    {kUploadPartCopy, "PART", "COPY"},
    {kListParts, "UPLOAD"},
    {kAbortMultipartUpload, "UPLOAD"},
    {kCompleteMultipartUpload, "UPLOAD"},
    {kCreateMultipartUpload, "UPLOADS"},
    {kListMultipartUploads, "UPLOADS"},
    {kDeleteObjects, "MULTI_OBJECT_DELETE"},
    {kListObjects, "BUCKET"},
    {kListObjectsV2, "BUCKET"},
    {kListObjectVersions, "BUCKETVERSIONS"},
    {kCreateBucket, "BUCKET"},
    {kHeadBucket, "BUCKET"},
    {kDeleteBucket, "BUCKET"},
    {kListBuckets, "SERVICE"},
    {kPreflight, "PREFLIGHT"},
    {kGetBucketAcl, "ACL"},
    {kPutBucketAcl, "ACL"},
    {kGetObjectAcl, "ACL"},
    {kPutObjectAcl, "ACL"},
    {kGetBucketCors, "CORS"},
    {kPutBucketCors, "CORS"},
    {kDeleteBucketCors, "CORS"},
    {kGetBucketEncryption, "ENCRYPTION"},
    {kPutBucketEncryption, "ENCRYPTION"},
    {kDeleteBucketEncryption, "ENCRYPTION"},
    {kGetBucketLifecycleConfiguration, "LIFECYCLE"},
    {kPutBucketLifecycleConfiguration, "LIFECYCLE"},
    {kDeleteBucketLifecycle, "LIFECYCLE"},
    {kGetBucketLocation, "LOCATION"},
    {kGetBucketLogging, "LOGGING_STATUS"},
    {kPutBucketLogging, "LOGGING_STATUS"},
    {kGetBucketNotificationConfiguration, "NOTIFICATION"},
    {kPutBucketNotificationConfiguration, "NOTIFICATION"},
    {kGetObjectLegalHold, "LEGAL_HOLD"},
    {kPutObjectLegalHold, "LEGAL_HOLD"},
    {kGetObjectRetention, "RETENTION"},
    {kPutObjectRetention, "RETENTION"},
    {kGetObjectLockConfiguration, "OBJECT_LOCK_CONFIGURATION"},
    {kPutObjectLockConfiguration, "OBJECT_LOCK_CONFIGURATION"},
    {kGetObjectTagging, "OBJECT_TAGGING"},
    {kPutObjectTagging, "OBJECT_TAGGING"},
    {kDeleteObjectTagging, "OBJECT_TAGGING"},
    {kGetObjectAnnotation, "OBJECT_ANNOTATION"},
    {kPutObjectAnnotation, "OBJECT_ANNOTATION"},
    {kListObjectAnnotations, "OBJECT_ANNOTATIONS"},
    {kDeleteObjectAnnotation, "OBJECT_ANNOTATION"},
    {kGetBucketTagging, "TAGGING"},
    {kPutBucketTagging, "TAGGING"},
    {kDeleteBucketTagging, "TAGGING"},
    {kGetBucketOwnershipControls, "OWNERSHIP_CONTROLS"},
    {kPutBucketOwnershipControls, "OWNERSHIP_CONTROLS"},
    {kDeleteBucketOwnershipControls, "OWNERSHIP_CONTROLS"},
    {kGetBucketPolicy, "BUCKETPOLICY"},
    {kPutBucketPolicy, "BUCKETPOLICY"},
    {kDeleteBucketPolicy, "BUCKETPOLICY"},
    {kGetBucketPolicyStatus, "POLICY_STATUS"},
    {kGetPublicAccessBlock, "PUBLIC_ACCESS_BLOCK"},
    {kPutPublicAccessBlock, "PUBLIC_ACCESS_BLOCK"},
    {kDeletePublicAccessBlock, "PUBLIC_ACCESS_BLOCK"},
    {kGetBucketReplication, "REPLICATION"},
    {kPutBucketReplication, "REPLICATION"},
    {kDeleteBucketReplication, "REPLICATION"},
    {kGetBucketRequestPayment, "REQUEST_PAYMENT"},
    {kPutBucketRequestPayment, "REQUEST_PAYMENT"},
    {kGetBucketVersioning, "VERSIONING"},
    {kPutBucketVersioning, "VERSIONING"},
    {kGetBucketWebsite, "WEBSITE"},
    {kPutBucketWebsite, "WEBSITE"},
    {kDeleteBucketWebsite, "WEBSITE"},
});

/// A field of its own: "-" when there is nothing, no space and no quote.
void add(std::string& out, std::string_view field) {
  out += field.empty() ? "-" : url_encode(field, true);
  out += ' ';
}
/// What is known to be plain.
void add_plain(std::string& out, std::string_view field) {
  out += field.empty() ? std::string_view("-") : field;
  out += ' ';
}
void add_number(std::string& out, std::uint64_t number) {
  if (number == 0) return add_plain(out, {});
  fmt::format_to(std::back_inserter(out), "{} ", number);
}
void add_milliseconds(std::string& out, std::chrono::nanoseconds time) {
  const auto count = std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
  fmt::format_to(std::back_inserter(out), "{} ", std::max<std::int64_t>(count, 0));
}

/// Between quotes, without what could end them or the line.
void add_quoted(std::string& out, std::string_view field) {
  if (field.empty()) return add_plain(out, {});
  out += '"';
  for (const char c : field) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte >= 0x7f || c == '"' || c == '\\') {
      fmt::format_to(std::back_inserter(out), "%{:02X}", byte);
    } else {
      out += c;
    }
  }
  out += "\" ";
}

std::string_view signature_of(AuthKind kind) {
  if (kind == AuthKind::kAnonymous) return {};
  return is_v2(kind) ? "SigV2" : "SigV4";
}

std::string_view proof_of(AuthKind kind) {
  using enum AuthKind;
  switch (kind) {
    case kAnonymous:
      return {};
    case kHeaderV4:
    case kHeaderV2:
      return "AuthHeader";
    case kPresignedV4:
    case kPresignedV2:
      return "QueryString";
    case kFormV4:
    case kFormV2:
      return "POST";
  }
  return {};
}

}  // namespace

std::string logged_operation(std::string_view method, std::optional<Operation> operation,
                             bool website) {
  const auto* const row =
      operation ? std::ranges::find(kRows, *operation, &Row::operation) : std::end(kRows);
  const bool known = row != std::end(kRows);
  std::string name = website ? "WEBSITE." : "REST.";
  name += known && !row->verb.empty() ? row->verb : method;
  name += '.';
  if (known) {
    name += row->resource;
  } else {
    name += operation ? name_of(*operation) : std::string_view("UNKNOWN");
  }
  return name;
}

void append_access_line(const RequestRecord& record, const AccessLineFacts& facts,
                        std::string& out) {
  add_plain(out, facts.bucket_owner);
  add(out, record.bucket);
  const auto second = std::chrono::floor<std::chrono::seconds>(record.began);
  fmt::format_to(std::back_inserter(out), "[{:%d/%b/%Y:%H:%M:%S} +0000] ", second);
  add_plain(out, record.remote_address);
  const bool user = record.caller.contains(":user/") || record.caller.contains(":assumed-role/");
  add_plain(out, user ? record.caller : record.account);
  add_plain(out, record.request_id);
  const bool website = record.service == "website";
  add_plain(out, logged_operation(record.method, facts.operation, website));
  add(out, record.key);
  add_quoted(out, fmt::format("{} {} HTTP/1.{}", record.method, without_secrets(facts.target),
                              facts.http_minor));
  add_number(out, static_cast<std::uint64_t>(record.status));
  add_plain(out, record.error_code);
  add_number(out, record.bytes_out);
  add_number(out, facts.object_bytes);
  add_milliseconds(out, record.took);
  add_milliseconds(out, facts.turn_around);
  add_quoted(out, facts.referer);
  add_quoted(out, record.user_agent);
  add(out, record.version_id);
  add_plain(out, facts.host_id);
  add_plain(out, signature_of(facts.auth));
  add_plain(out, {});  // the cipher suite
  add_plain(out, proof_of(facts.auth));
  add(out, facts.host);
  add_plain(out, {});  // the version of TLS
  add_plain(out, {});  // the access point
  out += facts.acl_required ? "Yes\n" : "-\n";
}

std::optional<LogTarget> log_target(const Element& document) {
  const Element* const enabled = document.find("LoggingEnabled");
  if (enabled == nullptr) return std::nullopt;
  LogTarget target{.bucket = std::string(enabled->text_of("TargetBucket")),
                   .prefix = std::string(enabled->text_of("TargetPrefix"))};
  const Element* const format = enabled->find("TargetObjectKeyFormat");
  const Element* const parts = format == nullptr ? nullptr : format->find("PartitionedPrefix");
  target.partitioned = parts != nullptr;
  target.by_event_time = parts != nullptr && parts->text_of("PartitionDateSource") == "EventTime";
  return target;
}

std::string log_object_key(const LogTarget& target, const LogSource& source, WallTime time,
                           std::string_view unique) {
  const auto second = std::chrono::floor<std::chrono::seconds>(time);
  if (!target.partitioned) {
    return fmt::format("{}{:%Y-%m-%d-%H-%M-%S}-{}", target.prefix, second, unique);
  }
  const std::string_view region =
      source.region.empty() ? std::string_view("us-east-1") : std::string_view(source.region);
  const std::string place =
      fmt::format("{}{}/{}/{}/", target.prefix, source.account, region, source.bucket);
  if (target.by_event_time) {
    return fmt::format("{}{:%Y/%m/%d/%Y-%m-%d}-00-00-00-{}", place, second, unique);
  }
  return fmt::format("{}{:%Y/%m/%d/%Y-%m-%d-%H-%M-%S}-{}", place, second, unique);
}

}  // namespace kelp::s3
