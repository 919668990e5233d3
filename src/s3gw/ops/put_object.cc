#include "s3gw/encryption.h"
#include "s3gw/expiration.h"
#include "s3gw/object_headers.h"
#include "s3gw/object_owner.h"
#include "s3gw/ops/handlers.h"
#include "s3gw/ops/stored_body.h"
#include "s3gw/s3_try.h"
#include "s3gw/write_headers.h"

namespace kelp::s3 {

// Everything that can be refused is refused before the first byte of the body is asked for; the
// commit at the end is the moment from which the object is there.
Task<S3Result<void>> put_object(Call& call) {
  if (call.header("x-amz-write-offset-bytes")) co_return co_await append_object(call);
  PutObject request{.bucket = call.request.bucket, .key = call.request.key};
  KELP_S3_CO_TRY(request.entry.headers, read_object_headers(call.headers));
  KELP_S3_CO_TRY(request.conditions, write_conditions(call));
  const BodyNeeds needs{.default_checksum = ChecksumAlgorithm::kCrc64Nvme};
  KELP_S3_CO_TRY(PayloadSpec spec, payload_spec(call, needs));
  KELP_S3_CO_CHECK(check_upload_size(spec));
  KELP_S3_CO_TRY(const BucketEntry bucket, co_await own_bucket(call));
  KELP_S3_CO_TRY(NewOwner owner, new_owner(call));
  request.entry.headers.acl = std::move(owner.acl);
  take_default_class(call, bucket, request.entry.headers);
  KELP_S3_CO_CHECK(check_lock(call, bucket, request.entry.headers.lock));
  KELP_S3_CO_TRY(BodyKey key, co_await key_for_write(call, bucket));
  request.entry.headers.encryption = key.encryption;
  if (request.entry.headers.lock.any() && !has_body_checksum(call)) {
    co_return s3_error(S3Code::kInvalidRequest,
                       "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object "
                       "requests with Object Lock parameters");
  }
  AskForRoom room{.size_bytes = spec.decoded_bytes};
  KELP_S3_CO_CHECK(co_await check_room(call, bucket, std::move(room)));

  std::optional<NeedleSink> sink;
  auto storing = store_body(call, std::move(spec), sink, bucket.id,
                            request.entry.headers.storage_class, std::move(key));
  KELP_S3_CO_TRY(StoredBody stored, co_await std::move(storing));
  request.entry.owner_id = std::move(owner.id);
  take_body(std::move(stored), request);
  call.object_bytes = request.entry.size_bytes;

  HttpResponse head = begin_response(call, 200);
  add_etag(request.entry, head);
  add_checksums(request.entry.checksums, head);
  add_encryption(call, request.entry.headers.encryption, head);
  request.conditions.origin = origin_of(call, EventCause::kPut);
  const WriteConditions conditions = request.conditions;
  ObjectEntry told = told_of_expiration(call, request.entry);
  const auto outcome = co_await call.services.deps.filer.put_object(std::move(request));
  if (!outcome) {
    note_refusal(call.services.deps, outcome.error());
    co_return std::unexpected(write_error(outcome.error(), conditions));
  }
  add_version_id(outcome->version_id, head);
  told.modified = outcome->modified;
  add_expiration(call, call.request.key, told, head);
  co_await reply(call, std::move(head), {});
  co_return S3Result<void>{};
}

}  // namespace kelp::s3
