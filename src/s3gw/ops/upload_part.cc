#include <charconv>

#include "base/encoding.h"
#include "s3gw/core/checksum.h"
#include "s3gw/core/header_text.h"
#include "s3gw/core/xml_writer.h"
#include "s3gw/object_headers.h"
#include "s3gw/ops/copy_source.h"
#include "s3gw/ops/handlers.h"
#include "s3gw/ops/needle_sink.h"
#include "s3gw/ops/request_body.h"
#include "s3gw/s3_try.h"
#include "s3gw/write_headers.h"

namespace kelp::s3 {
namespace {

S3Result<std::uint32_t> part_number(const Call& call) {
  const std::string_view text = call.parameter("partNumber").value_or("");
  std::int64_t number = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number);
  const bool is_number = !text.empty() && parsed.ec == std::errc() && parsed.ptr == end;
  if (!is_number || number < 1 || number > 10'000) {
    return std::unexpected(
        S3Error{S3Code::kInvalidArgument,
                "Part number must be an integer between 1 and 10000, inclusive",
                {{"ArgumentName", "partNumber"}, {"ArgumentValue", std::string(text)}}});
  }
  return static_cast<std::uint32_t>(number);
}

/// Where a part goes: its upload exists and is the caller's.
struct PartTarget {
  PutPart request;
  UploadInfo upload;
  BucketEntry bucket;
};

/// What is computed of a part that comes without a checksum: the upload's algorithm, or the one
/// that S3 adds to objects for which none was named (S3 user guide, "Checking object integrity").
ChecksumAlgorithm default_checksum(const UploadInfo& upload) {
  return upload.checksum_algorithm.value_or(ChecksumAlgorithm::kCrc64Nvme);
}

Task<S3Result<PartTarget>> find_target(Call& call) {
  PartTarget target;
  KELP_S3_CO_TRY(target.request.part_number, part_number(call));
  target.request.upload = upload_name(call);
  KELP_S3_CO_TRY(target.bucket, co_await own_bucket(call));
  auto found = co_await call.services.deps.filer.get_upload(target.request.upload);
  if (!found) co_return std::unexpected(upload_error(call, found.error()));
  target.upload = *std::move(found);
  co_return target;
}

std::string lowered_name(std::optional<ChecksumAlgorithm> algorithm) {
  if (!algorithm) return "null";
  std::string name(name_of(*algorithm));
  for (char& c : name) c = ascii_lower(c);
  return name;
}

/// A part's checksum must be of the upload's algorithm, when that has one.
S3Result<void> check_algorithm(const PayloadSpec& spec, const UploadInfo& upload) {
  std::optional<ChecksumAlgorithm> sent = spec.trailer_checksum;
  if (spec.checksum) sent = spec.checksum->algorithm;
  if (!sent || !upload.checksum_algorithm || sent == upload.checksum_algorithm) return {};
  return s3_error(S3Code::kInvalidRequest,
                  "Checksum Type mismatch occurred, expected checksum "
                  "Type: " +
                      lowered_name(upload.checksum_algorithm) +
                      ", actual checksum Type: " + lowered_name(sent));
}

/// See check_room().
Task<S3Result<void>> check_room_for_part(Call& call, PartTarget target, std::uint64_t size_bytes) {
  AskForRoom room{.size_bytes = size_bytes,
                  .upload_id = std::move(target.request.upload.upload_id),
                  .part_number = target.request.part_number};
  co_return co_await check_room(call, std::move(target.bucket), std::move(room));
}

Task<S3Result<void>> commit_part(Call& call, PutPart request) {
  const auto put = co_await call.services.deps.filer.put_part(std::move(request));
  if (!put) {
    note_refusal(call.services.deps, put.error());
    co_return std::unexpected(upload_error(call, put.error()));
  }
  co_return S3Result<void>{};
}

}  // namespace

Task<S3Result<void>> upload_part(Call& call) {
  KELP_S3_CO_CHECK(refuse_unsupported(call.headers));
  KELP_S3_CO_TRY(PartTarget target, co_await find_target(call));
  const BodyNeeds needs{.default_checksum = default_checksum(target.upload)};
  KELP_S3_CO_TRY(PayloadSpec spec, payload_spec(call, needs));
  KELP_S3_CO_CHECK(check_upload_size(spec));
  KELP_S3_CO_CHECK(check_algorithm(spec, target.upload));
  KELP_S3_CO_CHECK(co_await check_room_for_part(call, target, spec.decoded_bytes));

  NeedleSink::Target place{.bucket = target.bucket.id,
                           .object_key = call.request.key,
                           .total_bytes = spec.decoded_bytes};
  NeedleSink sink(call.services.deps, std::move(place));
  KELP_S3_CO_TRY(PayloadResult result, co_await receive_stream(call, std::move(spec), sink));
  PutPart& request = target.request;
  KELP_S3_CO_TRY(request.chunks, co_await sink.finish());
  request.size_bytes = result.decoded_bytes;
  request.md5 = std::move(result.md5);
  request.checksums = std::move(result.checksums);

  HttpResponse head = begin_response(call, 200);
  head.add("ETag", '"' + hex_encode(request.md5) + '"');
  for (const Checksum& checksum : request.checksums) {
    head.add(header_of(checksum.algorithm), checksum_text(checksum));
  }
  KELP_S3_CO_CHECK(co_await commit_part(call, std::move(request)));
  co_await reply(call, std::move(head), {});
  co_return S3Result<void>{};
}

Task<S3Result<void>> upload_part_copy(Call& call) {
  KELP_S3_CO_CHECK(refuse_unsupported(call.headers));
  KELP_S3_CO_TRY(PartTarget target, co_await find_target(call));
  KELP_S3_CO_TRY(const FoundSource source, co_await find_copy_source(call));
  ByteRange range{.offset = 0, .size_bytes = source.object.entry.size_bytes};
  if (const auto header = call.header("x-amz-copy-source-range")) {
    KELP_S3_CO_TRY(range, resolve_copy_range(*header, source.object.entry.size_bytes));
  }
  KELP_S3_CO_CHECK(co_await check_room_for_part(call, target, range.size_bytes));
  NeedleSink::Target place{
      .bucket = target.bucket.id, .object_key = call.request.key, .total_bytes = range.size_bytes};
  NeedleSink sink(call.services.deps, std::move(place));
  const CopyHashes hashes{.md5 = true, .checksum = default_checksum(target.upload)};
  KELP_S3_CO_TRY(CopiedBytes copied, co_await copy_bytes(call, source.object, range, hashes, sink));
  PutPart& request = target.request;
  KELP_S3_CO_TRY(request.chunks, co_await sink.finish());
  request.size_bytes = range.size_bytes;
  request.md5 = std::move(copied.md5);
  request.checksums = std::move(copied.checksums);

  std::string body;
  XmlWriter xml(body);
  xml.begin("CopyPartResult");
  xml.element("LastModified", call.services.deps.clock.wall());
  xml.etag(hex_encode(request.md5));
  for (const Checksum& checksum : request.checksums) {
    xml.element(checksum_element(checksum.algorithm), checksum_text(checksum));
  }
  xml.close("CopyPartResult");
  KELP_S3_CO_CHECK(co_await commit_part(call, std::move(request)));
  co_await reply_xml(call, std::move(body));
  co_return S3Result<void>{};
}

}  // namespace kelp::s3
