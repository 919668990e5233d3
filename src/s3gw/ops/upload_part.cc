#include "base/encoding.h"
#include "s3gw/core/checksum.h"
#include "s3gw/encryption.h"
#include "s3gw/object_headers.h"
#include "s3gw/ops/handlers.h"
#include "s3gw/ops/needle_sink.h"
#include "s3gw/ops/part_target.h"
#include "s3gw/ops/request_body.h"
#include "s3gw/ops/sealing_sink.h"
#include "s3gw/s3_try.h"
#include "s3gw/write_headers.h"

namespace kelp::s3 {
namespace {

/// A part's checksum must be of the upload's algorithm, when that has one; and it must have one
/// where the upload's is made of those of its parts.
S3Result<void> check_algorithm(const PayloadSpec& spec, const UploadInfo& upload) {
  std::optional<ChecksumAlgorithm> sent = spec.trailer_checksum;
  if (spec.checksum) sent = spec.checksum->algorithm;
  if (!upload.checksum_algorithm || sent == upload.checksum_algorithm) return {};
  if (!sent && upload.checksum_type == ChecksumType::kFullObject) return {};
  return s3_error(
      S3Code::kInvalidRequest,
      "Checksum Type mismatch occurred, expected checksum Type: " +
          std::string(lower_name_of(*upload.checksum_algorithm)) +
          ", actual checksum Type: " + std::string(sent ? lower_name_of(*sent) : "null"));
}

}  // namespace

Task<S3Result<void>> upload_part(Call& call) {
  KELP_S3_CO_TRY(PartTarget target, co_await find_part_target(call));
  KELP_S3_CO_TRY(BodyKey key, co_await key_for_part(call, target.upload.headers.encryption));
  const BodyNeeds needs{.default_checksum = default_checksum(target.upload)};
  KELP_S3_CO_TRY(PayloadSpec spec, payload_spec(call, needs));
  KELP_S3_CO_CHECK(check_upload_size(spec));
  KELP_S3_CO_CHECK(check_algorithm(spec, target.upload));
  KELP_S3_CO_CHECK(co_await check_room_for_part(call, target, spec.decoded_bytes));

  NeedleSink::Target place{.bucket = target.bucket.id,
                           .object_key = call.request.key,
                           .total_bytes = stored_bytes(key.encryption, spec.decoded_bytes),
                           .storage_class = target.upload.headers.storage_class,
                           .origin = origin_of(call, target)};
  mark_sealed(key.encryption, place);
  NeedleSink sink(call.services.deps, std::move(place));
  PutPart& request = target.request;
  const Encryption encryption = key.encryption;
  auto receiving = receive_sealed(call, std::move(spec), sink, std::move(key), request.part_number);
  KELP_S3_CO_TRY(PayloadResult result, co_await std::move(receiving));
  KELP_S3_CO_TRY(request.chunks, co_await sink.finish());
  request.size_bytes = result.decoded_bytes;
  request.md5 = std::move(result.md5);
  request.checksums = std::move(result.checksums);

  HttpResponse head = begin_response(call, 200);
  head.add("ETag", '"' + hex_encode(request.md5) + '"');
  for (const Checksum& checksum : request.checksums) {
    head.add(header_of(checksum.algorithm), checksum_text(checksum));
  }
  add_encryption(call, encryption, head);
  const Result<void> put = co_await call.services.deps.filer.put_part(std::move(request));
  KELP_S3_CO_CHECK(part_result(call, put));
  co_await reply(call, std::move(head), {});
  co_return S3Result<void>{};
}

}  // namespace kelp::s3
