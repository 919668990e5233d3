#include "s3gw/core/router.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>

namespace kelp::s3 {
namespace {

/// What a request is about.
enum class Target : std::uint8_t { kAnywhere, kService, kBucket, kObject, kFunction };
/// When a row counts.
enum class When : std::uint8_t { kAlways, kCopying, kNever };

/// A row of routes.inc.
struct Row {
  std::string_view method;
  Target target;
  std::string_view query;
  std::string_view also;
  When when;
  Operation operation;
};

constexpr Row kRows[] = {
#define KELP_ROUTE(method, target, query, also, when, operation, handler, support) \
  {#method, Target::target, query, also, When::when, Operation::k##operation},
#include "s3gw/core/routes.inc"
};

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

Target target_of(std::string_view method, const S3Request& request) {
  if (method == "OPTIONS") return Target::kAnywhere;
  if (request.bucket == "WriteGetObjectResponse") {
    return request.scope == Scope::kBucket ? Target::kFunction : Target::kAnywhere;
  }
  switch (request.scope) {
    case Scope::kService:
      return Target::kService;
    case Scope::kBucket:
      return Target::kBucket;
    case Scope::kObject:
      return Target::kObject;
  }
  return Target::kAnywhere;
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
  const Target target = target_of(method, request);
  for (const Row& row : kRows) {
    if (row.target != target || row.method != method) continue;
    if (row.when == When::kCopying && !has_copy_source) continue;
    if (row.query.empty()) {
      const bool other = !named_sub_resource(query).empty() && method != "OPTIONS";
      return other ? std::nullopt : std::optional(row.operation);
    }
    if (query.has(row.query) && (row.also.empty() || query.has(row.also))) {
      return row.when == When::kNever ? std::nullopt : std::optional(row.operation);
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
