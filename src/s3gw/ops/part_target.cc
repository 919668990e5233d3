#include "s3gw/ops/part_target.h"

#include <charconv>

#include "s3gw/ops/handlers.h"
#include "s3gw/ops/needle_sink.h"
#include "s3gw/s3_try.h"

namespace kelp::s3 {
namespace {

S3Result<std::uint32_t> part_number(const Call& call) {
  const std::string_view text = call.parameter("partNumber").value_or("");
  if (!call.parameter("uploadId")) {
    return std::unexpected(
        S3Error{S3Code::kInvalidArgument,
                "This operation does not accept partNumber without uploadId",
                {{"ArgumentName", "partNumber"}, {"ArgumentValue", "partNumber"}}});
  }
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

}  // namespace

Task<S3Result<PartTarget>> find_part_target(Call& call) {
  PartTarget target;
  KELP_S3_CO_TRY(target.request.part_number, part_number(call));
  target.request.upload = upload_name(call);
  KELP_S3_CO_TRY(target.bucket, co_await own_bucket(call));
  auto found = co_await call.services.deps.filer.get_upload(target.request.upload);
  if (!found) co_return std::unexpected(upload_error(call, found.error()));
  target.upload = *std::move(found);
  co_return target;
}

NeedleOrigin origin_of(const Call& call, const PartTarget& target) {
  return {.bucket = call.request.bucket,
          .upload_id = target.request.upload.upload_id,
          .part_number = target.request.part_number};
}

Task<S3Result<void>> check_room_for_part(Call& call, const PartTarget& target,
                                         std::uint64_t size_bytes) {
  AskForRoom room{.size_bytes = size_bytes,
                  .upload_id = target.request.upload.upload_id,
                  .part_number = target.request.part_number};
  co_return co_await check_room(call, target.bucket, std::move(room));
}

ChecksumAlgorithm default_checksum(const UploadInfo& upload) {
  return upload.checksum_algorithm.value_or(ChecksumAlgorithm::kCrc64Nvme);
}

S3Result<void> part_result(const Call& call, const Result<void>& put) {
  if (put) return {};
  note_refusal(call.services.deps, put.error());
  return std::unexpected(upload_error(call, put.error()));
}

}  // namespace kelp::s3
