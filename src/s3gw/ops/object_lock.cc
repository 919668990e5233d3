// Object lock: of a bucket, and retention and legal hold of a version.

#include "s3gw/core/object_lock.h"

#include "s3gw/core/header_text.h"
#include "s3gw/core/request_xml.h"
#include "s3gw/ops/handlers.h"
#include "s3gw/ops/request_body.h"
#include "s3gw/s3_try.h"
#include "s3gw/write_headers.h"

namespace kelp::s3 {
namespace {

/// The version that the request names, in a bucket whose versions can be locked.
Task<S3Result<FoundObject>> find_lockable(Call& call) {
  KELP_S3_CO_TRY(FoundObject found, co_await find_object(call, false));
  if (!found.bucket.lock.enabled) co_return std::unexpected(no_object_lock());
  co_return found;
}

Task<S3Result<void>> reply_lock(Call& call, const FoundObject& found, std::string body) {
  HttpResponse head = begin_response(call, 200);
  head.add("Content-Type", "application/xml");
  add_version_id(shown_version_id(found.bucket, found.entry), head);
  co_await reply(call, std::move(head), std::move(body));
  co_return S3Result<void>{};
}

/// Does what `request` says of a lock to the version that the call names.
Task<S3Result<void>> change_lock(Call& call, SetObjectLock request) {
  KELP_S3_CO_TRY(const FoundObject found, co_await find_lockable(call));
  KELP_S3_CO_TRY(const auto version, version_parameter(call));
  request.name = {.bucket = call.request.bucket, .key = call.request.key, .version_id = version};
  request.bypass_governance = bypasses_governance(call);
  const ObjectKey name = request.name;
  const auto changed = co_await call.services.deps.filer.set_object_lock(std::move(request));
  if (!changed) co_return std::unexpected(version_error(changed.error(), name));
  HttpResponse head = begin_response(call, 200);
  add_version_id(shown_version_id(found.bucket, found.entry), head);
  co_await reply(call, std::move(head), {});
  co_return S3Result<void>{};
}

}  // namespace

Task<S3Result<void>> get_object_lock_configuration(Call& call) {
  KELP_S3_CO_TRY(const BucketEntry bucket, co_await own_bucket(call));
  if (!bucket.lock.enabled) co_return s3_error(S3Code::kObjectLockConfigurationNotFoundError);
  std::string body;
  XmlWriter xml(body);
  xml.begin("ObjectLockConfiguration");
  write_bucket_lock(bucket.lock, xml);
  xml.close("ObjectLockConfiguration");
  co_await reply_xml(call, std::move(body));
  co_return S3Result<void>{};
}

Task<S3Result<void>> put_object_lock_configuration(Call& call) {
  KELP_S3_CO_CHECK(co_await own_bucket(call));
  KELP_S3_CO_TRY(std::string body, co_await read_request_xml(call, kMaxXmlBytes));
  SetBucketLock request{.name = call.request.bucket, .lock = {}};
  KELP_S3_CO_TRY(request.lock, parse_bucket_lock(std::move(body)));
  const auto set = co_await call.services.deps.filer.set_bucket_lock(std::move(request));
  if (!set && set.error().reason() == Reason::kLockNeedsVersions) {
    co_return s3_error(S3Code::kInvalidBucketState,
                       "Versioning must be 'Enabled' on the bucket to apply a Object Lock "
                       "configuration");
  }
  if (!set) co_return std::unexpected(from_error(set.error()));
  co_await reply_empty(call, 200);
  co_return S3Result<void>{};
}

Task<S3Result<void>> get_object_retention(Call& call) {
  KELP_S3_CO_TRY(const FoundObject found, co_await find_lockable(call));
  const Retention& retention = found.entry.headers.lock.retention;
  if (retention.mode == RetentionMode::kNone) {
    co_return s3_error(S3Code::kNoSuchObjectLockConfiguration);
  }
  std::string body;
  XmlWriter xml(body);
  xml.begin("Retention");
  write_retention(retention, xml);
  xml.close("Retention");
  co_return co_await reply_lock(call, found, std::move(body));
}

Task<S3Result<void>> put_object_retention(Call& call) {
  KELP_S3_CO_CHECK(co_await own_bucket(call));
  KELP_S3_CO_TRY(std::string body, co_await read_request_xml(call, kMaxXmlBytes));
  SetObjectLock request;
  KELP_S3_CO_TRY(request.retention,
                 parse_retention(std::move(body), call.services.deps.clock.wall()));
  co_return co_await change_lock(call, std::move(request));
}

Task<S3Result<void>> get_object_legal_hold(Call& call) {
  KELP_S3_CO_TRY(const FoundObject found, co_await find_lockable(call));
  const LegalHold hold = found.entry.headers.lock.hold;
  if (hold == LegalHold::kNever) co_return s3_error(S3Code::kNoSuchObjectLockConfiguration);
  std::string body;
  XmlWriter xml(body);
  xml.begin("LegalHold");
  write_legal_hold(hold, xml);
  xml.close("LegalHold");
  co_return co_await reply_lock(call, found, std::move(body));
}

Task<S3Result<void>> put_object_legal_hold(Call& call) {
  KELP_S3_CO_CHECK(co_await own_bucket(call));
  KELP_S3_CO_TRY(std::string body, co_await read_request_xml(call, kMaxXmlBytes));
  SetObjectLock request;
  KELP_S3_CO_TRY(request.hold, parse_legal_hold(std::move(body)));
  co_return co_await change_lock(call, std::move(request));
}

}  // namespace kelp::s3
