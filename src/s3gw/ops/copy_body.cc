#include "s3gw/ops/copy_body.h"

#include "s3gw/ops/needle_sink.h"
#include "s3gw/s3_try.h"

namespace kelp::s3 {
namespace {

/// Writes the body anew. The sink must live until the commit has returned.
Task<S3Result<void>> copy_body(Call& call, const FoundSource& source, BucketId bucket,
                               std::optional<NeedleSink>& needles, PutObject& request) {
  ObjectEntry& entry = request.entry;
  StringSink small;
  const bool fits = entry.size_bytes <= call.services.deps.filer.inline_limit_bytes();
  if (!fits) {
    NeedleSink::Target target{.bucket = bucket,
                              .object_key = request.key,
                              .total_bytes = entry.size_bytes,
                              .storage_class = entry.headers.storage_class,
                              .origin = {.bucket = request.bucket}};
    needles.emplace(call.services.deps, std::move(target));
  }
  ByteSink& sink = fits ? static_cast<ByteSink&>(small) : *needles;
  const ByteRange all{.offset = 0, .size_bytes = entry.size_bytes};
  KELP_S3_CO_CHECK(co_await copy_bytes(call, source.object, all, {}, sink));
  if (needles) {
    KELP_S3_CO_TRY(entry.layout.chunks, co_await needles->finish());
  }
  if (!small.data.empty()) request.inline_body = std::move(small.data);
  co_return S3Result<void>{};
}

}  // namespace

Task<S3Result<Result<WriteOutcome>>> write_copy(Call& call, const FoundSource& source,
                                                BucketId bucket, PutObject request) {
  FilerClient& filer = call.services.deps.filer;
  const Layout& layout = source.object.entry.layout;
  const bool stays = call.services.deps.leases.lie_alike(source.object.entry.headers.storage_class,
                                                         request.entry.headers.storage_class);
  if (!layout.chunks.empty() && stays) {
    ShareObject share{.put = request,
                      .from = {.bucket = source.name.bucket, .key = source.name.key},
                      .from_version = source.object.entry.version};
    share.put.entry.layout.chunks = layout.chunks;
    Result<WriteOutcome> shared = co_await filer.share_object(std::move(share));
    if (shared || shared.error().code() != Errc::kUnimplemented) co_return shared;
  }
  std::optional<NeedleSink> needles;
  KELP_S3_CO_CHECK(co_await copy_body(call, source, bucket, needles, request));
  co_return co_await filer.put_object(std::move(request));
}

}  // namespace kelp::s3
