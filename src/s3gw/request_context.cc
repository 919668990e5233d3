#include "s3gw/request_context.h"

#include <array>
#include <chrono>

#include "s3gw/core/header_text.h"
#include "s3gw/core/http_date.h"
#include "s3gw/object_headers.h"

namespace kelp::s3 {
namespace {

struct Named {
  std::string_view from;  ///< A header or query parameter, lower case.
  std::string_view key;
};

constexpr auto kHeaderKeys = std::to_array<Named>({
    {"user-agent", "aws:UserAgent"},
    {"referer", "aws:Referer"},
    {"if-match", "s3:if-match"},
    {"if-none-match", "s3:if-none-match"},
    {"x-amz-acl", "s3:x-amz-acl"},
    {"x-amz-content-sha256", "s3:x-amz-content-sha256"},
    {"x-amz-copy-source", "s3:x-amz-copy-source"},
    {"x-amz-grant-full-control", "s3:x-amz-grant-full-control"},
    {"x-amz-grant-read", "s3:x-amz-grant-read"},
    {"x-amz-grant-read-acp", "s3:x-amz-grant-read-acp"},
    {"x-amz-grant-write", "s3:x-amz-grant-write"},
    {"x-amz-grant-write-acp", "s3:x-amz-grant-write-acp"},
    {"x-amz-metadata-directive", "s3:x-amz-metadata-directive"},
    {"x-amz-object-lock-legal-hold", "s3:object-lock-legal-hold"},
    {"x-amz-object-lock-mode", "s3:object-lock-mode"},
    {"x-amz-object-lock-retain-until-date", "s3:object-lock-retain-until-date"},
    {"x-amz-object-ownership", "s3:x-amz-object-ownership"},
    {"x-amz-server-side-encryption", "s3:x-amz-server-side-encryption"},
    {"x-amz-server-side-encryption-aws-kms-key-id",
     "s3:x-amz-server-side-encryption-aws-kms-key-id"},
    {"x-amz-server-side-encryption-customer-algorithm",
     "s3:x-amz-server-side-encryption-customer-algorithm"},
    {"x-amz-storage-class", "s3:x-amz-storage-class"},
    {"x-amz-website-redirect-location", "s3:x-amz-website-redirect-location"},
});

constexpr auto kParameterKeys = std::to_array<Named>({
    {"delimiter", "s3:delimiter"},
    {"max-keys", "s3:max-keys"},
    {"prefix", "s3:prefix"},
    {"versionId", "s3:VersionId"},
});

bool lists(Operation operation) {
  using enum Operation;
  return operation == kListObjects || operation == kListObjectsV2 ||
         operation == kListObjectVersions;
}

void add_requester(const Call& call, policy::Context& context) {
  const Credential* const key = call.auth.credential;
  if (key == nullptr) {
    context.add("aws:PrincipalType", "Anonymous");
    return;
  }
  const policy::Requester& who = key->who;
  context.add("aws:PrincipalArn", who.role_arn.empty() ? who.arn : who.role_arn);
  context.add("aws:PrincipalAccount", who.account);
  const bool role = !who.role_arn.empty();
  context.add("aws:PrincipalType", who.is_root() ? "Account" : role ? "AssumedRole" : "User");
  context.add("aws:userid", key->user_id.empty() ? who.account : key->user_id);
  if (!key->user_name.empty()) context.add("aws:username", key->user_name);
  if (!key->source_identity.empty()) context.add("aws:SourceIdentity", key->source_identity);
  for (const auto& [name, value] : key->tags) context.add("aws:PrincipalTag/" + name, value);
}

void add_proof(const Call& call, policy::Context& context) {
  using enum AuthKind;
  const AuthKind kind = call.auth.kind;
  if (kind == kAnonymous) return;
  const bool form = kind == kFormV4 || kind == kFormV2;
  context.add("s3:authType", form                 ? "POST"
                             : is_in_header(kind) ? "REST-HEADER"
                                                  : "REST-QUERY-STRING");
  context.add("s3:signatureversion", is_v2(kind) ? "AWS" : "AWS4-HMAC-SHA256");
  auto signed_at = call.parameter("X-Amz-Date");
  if (!signed_at) signed_at = call.header("x-amz-date");
  if (const auto then = parse_basic_date(signed_at.value_or(""))) {
    const auto age = call.services.deps.clock.wall() - *then;
    const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(age);
    context.add("s3:signatureAge", std::to_string(milliseconds.count()));
  }
}

void add_requested_tags(const Call& call, policy::Context& context) {
  const auto text = call.header("x-amz-tagging");
  if (!text) return;
  const auto tags = parse_tags(*text);
  if (!tags) return;  // the operation refuses them
  for (const auto& [name, value] : *tags) {
    context.add("s3:RequestObjectTag/" + name, value);
    context.add("s3:RequestObjectTagKeys", name);
  }
}

}  // namespace

policy::Context request_context(const Call& call, std::string_view owner_number) {
  policy::Context context;
  const auto now = std::chrono::floor<std::chrono::seconds>(call.services.deps.clock.wall());
  context.add("aws:CurrentTime", iso8601_seconds(now));
  context.add("aws:EpochTime", std::to_string(now.time_since_epoch().count()));
  context.add("aws:SecureTransport", call.http.secure ? "true" : "false");
  context.add("aws:SourceIp", std::string(call.http.remote_address));
  if (!owner_number.empty()) {
    context.add("aws:ResourceAccount", std::string(owner_number));
    context.add("s3:ResourceAccount", std::string(owner_number));
  }
  add_requester(call, context);
  add_proof(call, context);
  for (const HttpHeader& header : call.headers) {
    for (const auto& [from, key] : kHeaderKeys) {
      if (equals_lower(header.name, from)) context.add(key, std::string(header.value));
    }
  }
  for (const auto& [from, key] : kParameterKeys) {
    if (const auto value = call.parameter(from)) context.add(key, std::string(*value));
  }
  if (call.operation && lists(*call.operation) && !call.parameter("prefix")) {
    context.add("s3:prefix", "");
  }
  add_requested_tags(call, context);
  return context;
}

void add_existing_tags(const ObjectEntry& entry, policy::Context& context) {
  for (const auto& [name, value] : entry.headers.tags) {
    context.add("s3:ExistingObjectTag/" + name, value);
  }
}

void add_bucket_tags(const BucketAccess& access, policy::Context& context) {
  for (const auto& [name, value] : access.tags) {
    context.add("aws:ResourceTag/" + name, value);
    context.add("s3:BucketTag/" + name, value);
  }
}

}  // namespace kelp::s3
