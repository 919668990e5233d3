#include "s3gw/core/header_text.h"
#include "s3gw/core/request_xml.h"
#include "s3gw/core/xml_writer.h"
#include "s3gw/object_headers.h"
#include "s3gw/ops/handlers.h"
#include "s3gw/ops/request_body.h"
#include "s3gw/s3_try.h"

// Operations that have no effect yet. A read whose truthful answer is known without the feature
// gives it; a delete of what cannot be there succeeds, as it does on AWS; the rest says that it is
// not implemented.

namespace kelp::s3 {
namespace {

using enum Operation;

/// An answer that never changes: an XML body, an error of AWS for "not configured", or 204.
struct Default {
  Operation operation;
  std::string_view root = {};    ///< Root element of the body; empty for an error or 204.
  std::string_view inside = {};  ///< What the root holds.
  std::optional<S3Code> error = std::nullopt;
};

constexpr Default kDefaults[] = {
    {kGetPublicAccessBlock, "PublicAccessBlockConfiguration",
     "<BlockPublicAcls>true</BlockPublicAcls><IgnorePublicAcls>true</IgnorePublicAcls>"
     "<BlockPublicPolicy>true</BlockPublicPolicy>"
     "<RestrictPublicBuckets>true</RestrictPublicBuckets>"},
    {kGetBucketOwnershipControls, "OwnershipControls",
     "<Rule><ObjectOwnership>BucketOwnerEnforced</ObjectOwnership></Rule>"},
    {.operation = kGetBucketPolicy, .error = S3Code::kNoSuchBucketPolicy},
    {.operation = kGetBucketPolicyStatus, .error = S3Code::kNoSuchBucketPolicy},
    {.operation = kGetBucketEncryption,
     .error = S3Code::kServerSideEncryptionConfigurationNotFoundError},
    {.operation = kDeleteBucketPolicy},
};

std::string acl_xml(const Account& owner) {
  std::string body;
  XmlWriter xml(body);
  xml.begin("AccessControlPolicy");
  xml.open("Owner");
  xml.element("ID", owner.id);
  xml.element("DisplayName", owner.display_name);
  xml.close("Owner");
  xml.open("AccessControlList");
  xml.open("Grant");
  xml.raw(
      "<Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" "
      "xsi:type=\"CanonicalUser\">");
  xml.element("ID", owner.id);
  xml.element("DisplayName", owner.display_name);
  xml.close("Grantee");
  xml.element("Permission", "FULL_CONTROL");
  xml.close("Grant");
  xml.close("AccessControlList");
  xml.close("AccessControlPolicy");
  return body;
}

}  // namespace

Task<S3Result<void>> answer_default(Call& call) {
  KELP_S3_CO_CHECK(co_await own_bucket(call));
  for (const Default& row : kDefaults) {
    if (row.operation != call.operation) continue;
    if (row.error) co_return s3_error(*row.error);
    if (row.root.empty()) {
      co_await reply_empty(call, 204);
      co_return S3Result<void>{};
    }
    std::string body;
    XmlWriter xml(body);
    xml.begin(row.root);
    xml.raw(row.inside);
    xml.close(row.root);
    co_await reply_xml(call, std::move(body));
    co_return S3Result<void>{};
  }
  co_return s3_error(S3Code::kNotImplemented);
}

bool has_default_answer(Operation operation) {
  for (const Default& row : kDefaults) {
    if (row.operation == operation) return true;
  }
  return false;
}

Task<S3Result<void>> not_implemented(Call& call) {
  const std::string_view name = call.operation ? name_of(*call.operation) : "";
  S3Error error{S3Code::kNotImplemented, {}, {{"Operation", std::string(name)}}};
  co_return std::unexpected(std::move(error));
}

Task<S3Result<void>> get_bucket_acl(Call& call) {
  KELP_S3_CO_CHECK(co_await own_bucket(call));
  co_await reply_xml(call, acl_xml(call.account()));
  co_return S3Result<void>{};
}

Task<S3Result<void>> get_object_acl(Call& call) {
  KELP_S3_CO_CHECK(co_await find_object(call, false));
  co_await reply_xml(call, acl_xml(call.account()));
  co_return S3Result<void>{};
}

// The owner's full control is what every bucket and object has; asking for it changes nothing.
Task<S3Result<void>> put_acl(Call& call) {
  KELP_S3_CO_CHECK(refuse_unsupported(call.headers));
  if (call.request.scope == Scope::kObject) {
    KELP_S3_CO_CHECK(co_await find_object(call, false));
  } else {
    KELP_S3_CO_CHECK(co_await own_bucket(call));
  }
  KELP_S3_CO_TRY(std::string body, co_await read_request_xml(call, kMaxXmlBytes));
  bool owner_only = call.header("x-amz-acl").has_value();
  if (!body.empty()) {
    KELP_S3_CO_TRY(owner_only, grants_owner_only(std::move(body), call.account().id));
  }
  if (!owner_only) co_return s3_error(S3Code::kAccessControlListNotSupported);
  co_await reply_empty(call, 200);
  co_return S3Result<void>{};
}

}  // namespace kelp::s3
