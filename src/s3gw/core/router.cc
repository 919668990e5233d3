#include "s3gw/core/router.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <string>

namespace kelp::s3 {
namespace {

using enum Operation;

/// A row holds when every sub-resource it names is in the query. Of several rows the first wins.
struct Row {
  std::string_view sub_resource;  ///< Empty: any query.
  Operation operation;
  std::string_view also = {};  ///< A second parameter that must be there.
  bool copy_source = false;    ///< x-amz-copy-source must be there.
  bool refused = false;        ///< There is no such operation.
};

constexpr Row kGetService[] = {{"", kListBuckets}};

constexpr Row kGetBucket[] = {
    {"location", kGetBucketLocation},
    {"versioning", kGetBucketVersioning},
    {"versions", kListObjectVersions},
    {"uploads", kListMultipartUploads},
    {"acl", kGetBucketAcl},
    {"policy", kGetBucketPolicy},
    {"policyStatus", kGetBucketPolicyStatus},
    {"tagging", kGetBucketTagging},
    {"cors", kGetBucketCors},
    {"lifecycle", kGetBucketLifecycleConfiguration},
    {"encryption", kGetBucketEncryption},
    {"object-lock", kGetObjectLockConfiguration},
    {"publicAccessBlock", kGetPublicAccessBlock},
    {"ownershipControls", kGetBucketOwnershipControls},
    {"replication", kGetBucketReplication},
    {"notification", kGetBucketNotificationConfiguration},
    {"logging", kGetBucketLogging},
    {"website", kGetBucketWebsite},
    {"requestPayment", kGetBucketRequestPayment},
    {"accelerate", kGetBucketAccelerateConfiguration},
    {"analytics", kGetBucketAnalyticsConfiguration, "id"},
    {"analytics", kListBucketAnalyticsConfigurations},
    {"intelligent-tiering", kGetBucketIntelligentTieringConfiguration, "id"},
    {"intelligent-tiering", kListBucketIntelligentTieringConfigurations},
    {"inventory", kGetBucketInventoryConfiguration, "id"},
    {"inventory", kListBucketInventoryConfigurations},
    {"metrics", kGetBucketMetricsConfiguration, "id"},
    {"metrics", kListBucketMetricsConfigurations},
    {"metadataConfiguration", kGetBucketMetadataConfiguration},
    {"metadataTable", kGetBucketMetadataTableConfiguration},
    {"abac", kGetBucketAbac},
    {"session", kCreateSession},
    {"list-type", kListObjectsV2},
    {"", kListObjects},
};

constexpr Row kPutBucket[] = {
    {"versioning", kPutBucketVersioning},
    {"acl", kPutBucketAcl},
    {"policy", kPutBucketPolicy},
    {"tagging", kPutBucketTagging},
    {"cors", kPutBucketCors},
    {"lifecycle", kPutBucketLifecycleConfiguration},
    {"encryption", kPutBucketEncryption},
    {"object-lock", kPutObjectLockConfiguration},
    {"publicAccessBlock", kPutPublicAccessBlock},
    {"ownershipControls", kPutBucketOwnershipControls},
    {"replication", kPutBucketReplication},
    {"notification", kPutBucketNotificationConfiguration},
    {"logging", kPutBucketLogging},
    {"website", kPutBucketWebsite},
    {"requestPayment", kPutBucketRequestPayment},
    {"accelerate", kPutBucketAccelerateConfiguration},
    {"analytics", kPutBucketAnalyticsConfiguration},
    {"intelligent-tiering", kPutBucketIntelligentTieringConfiguration},
    {"inventory", kPutBucketInventoryConfiguration},
    {"metrics", kPutBucketMetricsConfiguration},
    {"metadataInventoryTable", kUpdateBucketMetadataInventoryTableConfiguration},
    {"metadataJournalTable", kUpdateBucketMetadataJournalTableConfiguration},
    {"metadataAnnotationTable", kUpdateBucketMetadataAnnotationTableConfiguration},
    {"abac", kPutBucketAbac},
    {"", kCreateBucket},
};

constexpr Row kDeleteBucketRows[] = {
    {"policy", kDeleteBucketPolicy},
    {"tagging", kDeleteBucketTagging},
    {"cors", kDeleteBucketCors},
    {"lifecycle", kDeleteBucketLifecycle},
    {"encryption", kDeleteBucketEncryption},
    {"publicAccessBlock", kDeletePublicAccessBlock},
    {"ownershipControls", kDeleteBucketOwnershipControls},
    {"replication", kDeleteBucketReplication},
    {"website", kDeleteBucketWebsite},
    {"analytics", kDeleteBucketAnalyticsConfiguration},
    {"intelligent-tiering", kDeleteBucketIntelligentTieringConfiguration},
    {"inventory", kDeleteBucketInventoryConfiguration},
    {"metrics", kDeleteBucketMetricsConfiguration},
    {"metadataConfiguration", kDeleteBucketMetadataConfiguration},
    {"metadataTable", kDeleteBucketMetadataTableConfiguration},
    {"", kDeleteBucket},
};

constexpr Row kHeadBucketRows[] = {{"", kHeadBucket}};

constexpr Row kPostBucket[] = {
    {"delete", kDeleteObjects},
    {"metadataConfiguration", kCreateBucketMetadataConfiguration},
    {"metadataTable", kCreateBucketMetadataTableConfiguration},
    {"", kPostObject},
};

constexpr Row kGetObjectRows[] = {
    {"uploadId", kListParts},
    {"acl", kGetObjectAcl},
    {"tagging", kGetObjectTagging},
    {"attributes", kGetObjectAttributes},
    {"retention", kGetObjectRetention},
    {"legal-hold", kGetObjectLegalHold},
    {"torrent", kGetObjectTorrent},
    {"annotation", kGetObjectAnnotation, "annotationName"},
    {"annotation", kListObjectAnnotations},
    {"", kGetObject},
};

// uploadId or partNumber alone is a part that lacks the other, never an object.
constexpr Row kPutObjectRows[] = {
    {.sub_resource = "partNumber", .operation = kUploadPartCopy, .copy_source = true},
    {"partNumber", kUploadPart},
    {.sub_resource = "uploadId", .operation = kUploadPart, .refused = true},
    {"acl", kPutObjectAcl},
    {"tagging", kPutObjectTagging},
    {"retention", kPutObjectRetention},
    {"legal-hold", kPutObjectLegalHold},
    {"renameObject", kRenameObject},
    {"encryption", kUpdateObjectEncryption},
    {"annotation", kPutObjectAnnotation},
    {.sub_resource = "", .operation = kCopyObject, .copy_source = true},
    {"", kPutObject},
};

constexpr Row kDeleteObjectRows[] = {
    {"uploadId", kAbortMultipartUpload},
    {"tagging", kDeleteObjectTagging},
    {"annotation", kDeleteObjectAnnotation},
    {"", kDeleteObject},
};

constexpr Row kHeadObjectRows[] = {{"", kHeadObject}};

constexpr Row kPostObjectRows[] = {
    {"uploads", kCreateMultipartUpload},
    {"uploadId", kCompleteMultipartUpload},
    {"restore", kRestoreObject},
    {"select", kSelectObjectContent},
};

constexpr Row kPreflightRows[] = {{"", kPreflight}};
constexpr Row kWriteGetObjectResponseRows[] = {{"", kWriteGetObjectResponse}};

/// Parameters that turn a request into another one; with a method that has no row for them the
/// request is refused instead of losing its meaning.
constexpr std::array<std::string_view, 41> kSubResources{
    "abac",
    "accelerate",
    "acl",
    "analytics",
    "annotation",
    "attributes",
    "cors",
    "delete",
    "encryption",
    "intelligent-tiering",
    "inventory",
    "legal-hold",
    "lifecycle",
    "location",
    "logging",
    "metadataAnnotationTable",
    "metadataConfiguration",
    "metadataInventoryTable",
    "metadataJournalTable",
    "metadataTable",
    "metrics",
    "notification",
    "object-lock",
    "ownershipControls",
    "policy",
    "policyStatus",
    "publicAccessBlock",
    "renameObject",
    "replication",
    "requestPayment",
    "restore",
    "retention",
    "select",
    "session",
    "tagging",
    "torrent",
    "uploadId",
    "uploads",
    "versioning",
    "versions",
    "website",
};

bool is_sub_resource(std::string_view name) {
  return std::ranges::binary_search(kSubResources, name);
}
static_assert(std::ranges::is_sorted(kSubResources));

std::span<const Row> rows_of(std::string_view method, const S3Request& request) {
  if (method == "OPTIONS") return kPreflightRows;
  if (request.bucket == "WriteGetObjectResponse") {
    if (method == "POST" && request.scope == Scope::kBucket) return kWriteGetObjectResponseRows;
    return {};
  }
  switch (request.scope) {
    case Scope::kService:
      if (method == "GET") return kGetService;
      break;
    case Scope::kBucket:
      if (method == "GET") return kGetBucket;
      if (method == "PUT") return kPutBucket;
      if (method == "HEAD") return kHeadBucketRows;
      if (method == "DELETE") return kDeleteBucketRows;
      if (method == "POST") return kPostBucket;
      break;
    case Scope::kObject:
      if (method == "GET") return kGetObjectRows;
      if (method == "PUT") return kPutObjectRows;
      if (method == "HEAD") return kHeadObjectRows;
      if (method == "DELETE") return kDeleteObjectRows;
      if (method == "POST") return kPostObjectRows;
      break;
  }
  return {};
}

std::string resource_type(const S3Request& request, std::string_view sub_resource) {
  if (request.scope == Scope::kService) return "SERVICE";
  if (request.scope == Scope::kObject && request.query.has("uploadId")) return "UPLOAD";
  std::string type = request.scope == Scope::kBucket ? "BUCKET" : "OBJECT";
  for (const char c : sub_resource) {
    if (c != '-') type += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  }
  return type;
}

/// The query's parameter that names a sub-resource; empty: none does.
std::string_view named_sub_resource(const Query& query) {
  const auto named =
      std::ranges::find_if(query.parameters(), is_sub_resource, &Query::Parameter::name);
  return named == query.parameters().end() ? std::string_view() : std::string_view(named->name);
}

std::optional<Operation> operation_of(std::string_view method, const S3Request& request,
                                      bool has_copy_source) {
  const Query& query = request.query;
  for (const Row& row : rows_of(method, request)) {
    if (row.copy_source && !has_copy_source) continue;
    if (row.sub_resource.empty()) {
      const bool other = !named_sub_resource(query).empty() && method != "OPTIONS";
      return other ? std::nullopt : std::optional(row.operation);
    }
    if (query.has(row.sub_resource) && (row.also.empty() || query.has(row.also))) {
      return row.refused ? std::nullopt : std::optional(row.operation);
    }
  }
  return std::nullopt;
}

/// What the header Allow says: the methods that there are for the request's resource.
std::string allowed_methods(const S3Request& request, bool has_copy_source) {
  std::string methods;
  for (const std::string_view method : {"DELETE", "POST", "PUT", "GET", "HEAD"}) {
    if (!operation_of(method, request, has_copy_source)) continue;
    if (!methods.empty()) methods += ", ";
    methods += method;
  }
  return methods;
}

}  // namespace

S3Result<Operation> route(std::string_view method, const S3Request& request, bool has_copy_source) {
  if (const auto operation = operation_of(method, request, has_copy_source)) return *operation;
  const std::string type = resource_type(request, named_sub_resource(request.query));
  S3Error error{
      S3Code::kMethodNotAllowed, {}, {{"Method", std::string(method)}, {"ResourceType", type}}};
  error.headers.emplace_back("Allow", allowed_methods(request, has_copy_source));
  return std::unexpected(std::move(error));
}

}  // namespace kelp::s3
