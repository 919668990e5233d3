// Who may do what in a bucket: its policy, what is blocked for the public, whose its objects are.

#include "policy/condition_keys.h"
#include "policy/public_access.h"
#include "policy/resources.h"
#include "s3gw/core/request_xml.h"
#include "s3gw/core/xml_writer.h"
#include "s3gw/ops/configs.h"
#include "s3gw/ops/handlers.h"
#include "s3gw/ops/request_body.h"
#include "s3gw/s3_try.h"

namespace kelp::s3 {
namespace {

S3Result<void> check_policy(const Call& call, std::string_view json) {
  if (json.size() > policy::kMaxBucketPolicyBytes) {
    return s3_error(S3Code::kMalformedPolicy,
                    "Normalized policy document exceeds the maximum allowed size of 20480 bytes.");
  }
  const auto document = policy::Document::parse(json, policy::PolicyKind::kBucket);
  if (!document) return s3_error(S3Code::kMalformedPolicy, document.error().detail());
  if (const auto keys = policy::check_condition_keys(*document); !keys) {
    return s3_error(S3Code::kMalformedPolicy, keys.error().detail());
  }
  if (!policy::speaks_only_of(json, call.request.bucket)) {
    return s3_error(S3Code::kMalformedPolicy, "Policy has invalid resource");
  }
  if (call.access->blocked().block_policy && policy::is_public(*document)) {
    return s3_error(S3Code::kAccessDenied);
  }
  return {};
}

}  // namespace

Task<S3Result<void>> get_bucket_policy(Call& call) {
  KELP_S3_CO_CHECK(co_await own_bucket_now(call));
  if (call.access->policy_json.empty()) co_return s3_error(S3Code::kNoSuchBucketPolicy);
  HttpResponse head = begin_response(call, 200);
  head.add("Content-Type", "application/json");
  co_await reply(call, std::move(head), call.access->policy_json);
  co_return S3Result<void>{};
}

Task<S3Result<void>> put_bucket_policy(Call& call) {
  KELP_S3_CO_CHECK(co_await own_bucket_now(call));
  KELP_S3_CO_TRY(std::string json, co_await read_request_xml(call, kMaxXmlBytes));
  KELP_S3_CO_CHECK(check_policy(call, json));
  KELP_S3_CO_CHECK(co_await set_config(call, std::string(kPolicySetting), std::move(json)));
  co_await reply_empty(call, 204);
  co_return S3Result<void>{};
}

Task<S3Result<void>> delete_bucket_policy(Call& call) {
  KELP_S3_CO_CHECK(co_await own_bucket(call));
  KELP_S3_CO_CHECK(co_await set_config(call, std::string(kPolicySetting), std::nullopt));
  co_await reply_empty(call, 204);
  co_return S3Result<void>{};
}

Task<S3Result<void>> get_bucket_policy_status(Call& call) {
  KELP_S3_CO_CHECK(co_await own_bucket_now(call));
  if (call.access->policy_json.empty()) co_return s3_error(S3Code::kNoSuchBucketPolicy);
  std::string body;
  XmlWriter xml(body);
  xml.begin("PolicyStatus");
  xml.element("IsPublic", call.access->policy_is_public);
  xml.close("PolicyStatus");
  co_await reply_xml(call, std::move(body));
  co_return S3Result<void>{};
}

Task<S3Result<void>> get_public_access_block(Call& call) {
  KELP_S3_CO_CHECK(co_await own_bucket_now(call));
  if (!call.access->block) co_return s3_error(S3Code::kNoSuchPublicAccessBlockConfiguration);
  co_await reply_xml(call, public_access_block_xml(*call.access->block));
  co_return S3Result<void>{};
}

Task<S3Result<void>> put_public_access_block(Call& call) {
  KELP_S3_CO_CHECK(co_await own_bucket(call));
  KELP_S3_CO_TRY(std::string body, co_await read_request_xml(call, kMaxXmlBytes));
  KELP_S3_CO_TRY(const PublicAccessBlock block, parse_public_access_block(std::move(body)));
  KELP_S3_CO_CHECK(co_await set_config(call, std::string(kAccessBlockSetting),
                                       encode_public_access_block(block)));
  co_await reply_empty(call, 200);
  co_return S3Result<void>{};
}

Task<S3Result<void>> delete_public_access_block(Call& call) {
  KELP_S3_CO_CHECK(co_await own_bucket(call));
  KELP_S3_CO_CHECK(co_await set_config(call, std::string(kAccessBlockSetting), std::string()));
  co_await reply_empty(call, 204);
  co_return S3Result<void>{};
}

Task<S3Result<void>> get_bucket_ownership_controls(Call& call) {
  KELP_S3_CO_CHECK(co_await own_bucket_now(call));
  if (!call.access->ownership) co_return s3_error(S3Code::kOwnershipControlsNotFoundError);
  co_await reply_xml(call, ownership_controls_xml(*call.access->ownership));
  co_return S3Result<void>{};
}

Task<S3Result<void>> put_bucket_ownership_controls(Call& call) {
  KELP_S3_CO_TRY(const BucketEntry bucket, co_await own_bucket_now(call));
  KELP_S3_CO_TRY(std::string body, co_await read_request_xml(call, kMaxXmlBytes));
  KELP_S3_CO_TRY(const ObjectOwnership ownership, parse_ownership_controls(std::move(body)));
  const bool lists_stop = ownership == ObjectOwnership::kBucketOwnerEnforced;
  if (lists_stop && call.access->has_acls() && call.access->acl != private_acl(bucket.owner_id)) {
    co_return s3_error(S3Code::kInvalidBucketAclWithObjectOwnership);
  }
  KELP_S3_CO_CHECK(
      co_await set_config(call, std::string(kOwnershipSetting), std::string(name_of(ownership))));
  co_await reply_empty(call, 200);
  co_return S3Result<void>{};
}

Task<S3Result<void>> delete_bucket_ownership_controls(Call& call) {
  KELP_S3_CO_CHECK(co_await own_bucket(call));
  KELP_S3_CO_CHECK(co_await set_config(call, std::string(kOwnershipSetting), std::string()));
  co_await reply_empty(call, 204);
  co_return S3Result<void>{};
}

}  // namespace kelp::s3
