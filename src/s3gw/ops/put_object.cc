#include "s3gw/object_headers.h"
#include "s3gw/ops/handlers.h"
#include "s3gw/ops/needle_sink.h"
#include "s3gw/ops/request_body.h"
#include "s3gw/s3_try.h"
#include "s3gw/write_headers.h"

namespace kelp::s3 {
namespace {

/// What a body became: proven, and durable where it is not inline.
struct StoredBody {
  PayloadResult result;
  std::optional<std::string> inline_body;
  std::vector<Chunk> chunks;
};

/// Reads the body to where it will stay. `sink` must live until the commit.
Task<S3Result<StoredBody>> store_body(Call& call, PayloadSpec spec, std::optional<NeedleSink>& sink,
                                      BucketId bucket, std::string_view storage_class) {
  StoredBody stored;
  const std::uint64_t inline_limit = call.services.deps.filer.inline_limit_bytes();
  if (fits_in_memory(call, spec, inline_limit)) {
    KELP_S3_CO_TRY(ReceivedBody received, co_await receive_whole(call, std::move(spec)));
    stored.result = std::move(received.result);
    if (!received.data.empty()) stored.inline_body = std::move(received.data);
    co_return stored;
  }
  NeedleSink::Target target{.bucket = bucket,
                            .object_key = call.request.key,
                            .total_bytes = spec.decoded_bytes,
                            .storage_class = std::string(storage_class)};
  sink.emplace(call.services.deps, std::move(target));
  KELP_S3_CO_TRY(stored.result, co_await receive_stream(call, std::move(spec), *sink));
  KELP_S3_CO_TRY(stored.chunks, co_await sink->finish());
  co_return stored;
}

}  // namespace

// Everything that can be refused is refused before the first byte of the body is asked for; the
// commit at the end is the moment from which the object is there.
Task<S3Result<void>> put_object(Call& call) {
  KELP_S3_CO_CHECK(refuse_unsupported(call.headers));
  if (call.header("x-amz-write-offset-bytes")) {
    co_return std::unexpected(
        S3Error{S3Code::kNotImplemented, {}, {{"Header", "x-amz-write-offset-bytes"}}});
  }
  PutObject request{.bucket = call.request.bucket, .key = call.request.key};
  KELP_S3_CO_TRY(request.entry.headers, read_object_headers(call.headers));
  KELP_S3_CO_TRY(request.conditions, write_conditions(call));
  const BodyNeeds needs{.default_checksum = ChecksumAlgorithm::kCrc64Nvme};
  KELP_S3_CO_TRY(PayloadSpec spec, payload_spec(call, needs));
  KELP_S3_CO_CHECK(check_upload_size(spec));
  KELP_S3_CO_TRY(const BucketEntry bucket, co_await own_bucket(call));
  AskForRoom room{.size_bytes = spec.decoded_bytes};
  KELP_S3_CO_CHECK(co_await check_room(call, bucket, std::move(room)));

  std::optional<NeedleSink> sink;
  auto storing =
      store_body(call, std::move(spec), sink, bucket.id, request.entry.headers.storage_class);
  KELP_S3_CO_TRY(StoredBody stored, co_await std::move(storing));
  request.entry.size_bytes = stored.result.decoded_bytes;
  request.entry.etag = std::move(stored.result.md5);
  request.entry.owner_id = call.account().id;
  request.entry.checksums = std::move(stored.result.checksums);
  request.entry.layout.chunks = std::move(stored.chunks);
  request.inline_body = std::move(stored.inline_body);

  HttpResponse head = begin_response(call, 200);
  add_etag(request.entry, head);
  add_checksums(request.entry.checksums, head);
  const WriteConditions conditions = request.conditions;
  const auto outcome = co_await call.services.deps.filer.put_object(std::move(request));
  if (!outcome) {
    note_refusal(call.services.deps, outcome.error());
    co_return std::unexpected(write_error(outcome.error(), conditions));
  }
  add_version_id(outcome->version_id, head);
  co_await reply(call, std::move(head), {});
  co_return S3Result<void>{};
}

}  // namespace kelp::s3
