// Access control lists of buckets and objects.

#include "s3gw/core/request_xml.h"
#include "s3gw/object_owner.h"
#include "s3gw/ops/configs.h"
#include "s3gw/ops/handlers.h"
#include "s3gw/ops/request_body.h"
#include "s3gw/s3_try.h"

namespace kelp::s3 {
namespace {

NameOf names_of(const Call& call) {
  return [&call](std::string_view id) { return std::string(display_name(call, id)); };
}

Acl list_of(const ObjectEntry& entry) {
  const std::string& stored = entry.headers.acl;
  return stored.empty() ? private_acl(entry.owner_id) : decode_acl(stored);
}

}  // namespace

Task<S3Result<void>> get_bucket_acl(Call& call) {
  KELP_S3_CO_TRY(const BucketEntry bucket, co_await own_bucket_now(call));
  const Acl acl = call.access->has_acls() ? call.access->acl : private_acl(bucket.owner_id);
  co_await reply_xml(call, acl_xml(acl, bucket.owner_id, names_of(call)));
  co_return S3Result<void>{};
}

Task<S3Result<void>> put_bucket_acl(Call& call) {
  KELP_S3_CO_TRY(const BucketEntry bucket, co_await own_bucket_now(call));
  KELP_S3_CO_TRY(std::string body, co_await read_request_xml(call, kMaxXmlBytes));
  KELP_S3_CO_TRY(const Acl acl, requested_acl(call, std::move(body), bucket.owner_id));
  KELP_S3_CO_CHECK(co_await set_config(call, std::string(kAclSetting), encode_acl(acl)));
  co_await reply_empty(call, 200);
  co_return S3Result<void>{};
}

Task<S3Result<void>> get_object_acl(Call& call) {
  KELP_S3_CO_TRY(const FoundObject found, co_await find_object(call, false));
  const std::string& owner = call.access->has_acls() ? found.entry.owner_id : found.bucket.owner_id;
  const Acl acl = call.access->has_acls() ? list_of(found.entry) : private_acl(owner);
  HttpResponse head = begin_response(call, 200);
  head.add("Content-Type", "application/xml");
  add_version_id(shown_version_id(found.bucket, found.entry), head);
  co_await reply(call, std::move(head), acl_xml(acl, owner, names_of(call)));
  co_return S3Result<void>{};
}

Task<S3Result<void>> put_object_acl(Call& call) {
  KELP_S3_CO_CHECK(co_await own_bucket_now(call));
  KELP_S3_CO_TRY(const FoundObject found, co_await find_object(call, false));
  KELP_S3_CO_TRY(std::string body, co_await read_request_xml(call, kMaxXmlBytes));
  const std::string& owner = call.access->has_acls() ? found.entry.owner_id : found.bucket.owner_id;
  KELP_S3_CO_TRY(const Acl acl, requested_acl(call, std::move(body), owner));
  HttpResponse head = begin_response(call, 200);
  add_version_id(shown_version_id(found.bucket, found.entry), head);
  if (call.access->has_acls()) {
    KELP_S3_CO_TRY(const auto version, version_parameter(call));
    SetObjectAcl request{
        .name = {.bucket = call.request.bucket, .key = call.request.key, .version_id = version},
        .acl = encode_acl(acl),
        .origin = origin_of(call, EventCause::kPut)};
    const auto set = co_await call.services.deps.filer.set_object_acl(request);
    if (!set) co_return std::unexpected(version_error(set.error(), request.name));
  }
  co_await reply(call, std::move(head), {});
  co_return S3Result<void>{};
}

}  // namespace kelp::s3
