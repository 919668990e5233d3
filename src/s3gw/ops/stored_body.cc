#include "s3gw/ops/stored_body.h"

#include "s3gw/ops/sealing_sink.h"
#include "s3gw/s3_try.h"

namespace kelp::s3 {

std::uint64_t inline_plain_bytes(const BodyKey& key, std::uint64_t limit_bytes) {
  if (!key.any()) return limit_bytes;
  const std::uint64_t most = sealed_bytes(limit_bytes) - limit_bytes;
  return limit_bytes - std::min(most, limit_bytes);
}

Task<S3Result<StoredBody>> store_body(Call& call, PayloadSpec spec, std::optional<NeedleSink>& sink,
                                      BucketId bucket, std::string_view storage_class,
                                      BodyKey key) {
  StoredBody stored;
  const std::uint64_t inline_limit =
      inline_plain_bytes(key, call.services.deps.filer.inline_limit_bytes());
  if (spec.decoded_bytes <= inline_limit) {
    KELP_S3_CO_TRY(ReceivedBody received, co_await receive_whole(call, std::move(spec)));
    stored.result = std::move(received.result);
    stored.result.md5 = shown_md5(key, std::move(stored.result.md5));
    if (key.any()) received.data = seal_body(key.key, 1, new_salt(), received.data);
    if (!received.data.empty()) stored.inline_body = std::move(received.data);
    co_return stored;
  }
  NeedleSink::Target target{.bucket = bucket,
                            .object_key = call.request.key,
                            .total_bytes = stored_bytes(key.encryption, spec.decoded_bytes),
                            .storage_class = std::string(storage_class),
                            .origin = {.bucket = call.request.bucket}};
  mark_sealed(key.encryption, target);
  sink.emplace(call.services.deps, std::move(target));
  auto receiving = receive_sealed(call, std::move(spec), *sink, std::move(key), 1);
  KELP_S3_CO_TRY(stored.result, co_await std::move(receiving));
  KELP_S3_CO_TRY(stored.chunks, co_await sink->finish());
  co_return stored;
}

void take_body(StoredBody stored, PutObject& request) {
  request.entry.size_bytes = stored.result.decoded_bytes;
  request.entry.etag = std::move(stored.result.md5);
  request.entry.checksums = std::move(stored.result.checksums);
  request.entry.layout.chunks = std::move(stored.chunks);
  request.inline_body = std::move(stored.inline_body);
}

}  // namespace kelp::s3
