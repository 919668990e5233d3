#include "s3gw/ops/copy_body.h"

#include "s3gw/ops/needle_sink.h"
#include "s3gw/ops/sealing_sink.h"
#include "s3gw/s3_try.h"

namespace kelp::s3 {
namespace {

/// What of an encrypted object is sealed by itself.
std::vector<SealedBody> bodies_of(const ObjectEntry& entry) {
  std::vector<SealedBody> bodies;
  bodies.reserve(entry.parts.size());
  for (const PartInfo& part : entry.parts) bodies.push_back({part.part_number, part.size_bytes});
  if (bodies.empty()) bodies.push_back({1, entry.size_bytes});
  return bodies;
}

/// Writes the body anew. The sink must live until the commit has returned.
Task<S3Result<void>> copy_body(Call& call, const FoundSource& source, BucketId bucket,
                               std::optional<NeedleSink>& needles, PutObject& request,
                               const std::optional<Reseal>& reseal) {
  ObjectEntry& entry = request.entry;
  StringSink small;
  const std::uint64_t bytes = stored_bytes(entry);
  const bool fits = bytes <= call.services.deps.filer.inline_limit_bytes();
  if (!fits) {
    NeedleSink::Target target{.bucket = bucket,
                              .object_key = request.key,
                              .total_bytes = bytes,
                              .storage_class = entry.headers.storage_class,
                              .origin = {.bucket = request.bucket}};
    mark_sealed(entry.headers.encryption, target);
    needles.emplace(call.services.deps, std::move(target));
  }
  ByteSink& sink = fits ? static_cast<ByteSink&>(small) : *needles;
  if (reseal) {
    const ByteRange all{.offset = 0, .size_bytes = entry.size_bytes};
    KELP_S3_CO_CHECK(
        co_await copy_resealed(call, source.object, all, {}, sink, *reseal, bodies_of(entry)));
  } else {
    const ByteRange all{.offset = 0, .size_bytes = bytes};
    KELP_S3_CO_CHECK(co_await copy_bytes(call, source.object, all, {}, sink));
  }
  if (needles) {
    KELP_S3_CO_TRY(entry.layout.chunks, co_await needles->finish());
  }
  if (!small.data.empty()) request.inline_body = std::move(small.data);
  co_return S3Result<void>{};
}

}  // namespace

Task<S3Result<CopiedBytes>> copy_resealed(Call& call, const FoundObject& source, ByteRange range,
                                          CopyHashes hashes, ByteSink& sink, Reseal reseal,
                                          std::vector<SealedBody> bodies) {
  if (!reseal.to.any()) {
    co_return co_await copy_bytes(call, source, range, hashes, sink, std::move(reseal.from));
  }
  KELP_S3_CO_TRY(SealingSink sealing,
                 SealingSink::open(call.services, reseal.to, sink, std::move(bodies)));
  KELP_S3_CO_TRY(CopiedBytes copied,
                 co_await copy_bytes(call, source, range, hashes, sealing, std::move(reseal.from)));
  KELP_S3_CO_CHECK(co_await sealing.flush());
  co_return copied;
}

Task<S3Result<Result<WriteOutcome>>> write_copy(Call& call, const FoundSource& source,
                                                BucketId bucket, PutObject request,
                                                std::optional<Reseal> reseal) {
  FilerClient& filer = call.services.deps.filer;
  request.conditions.origin = origin_of(call, EventCause::kCopy);
  const Layout& layout = source.object.entry.layout;
  const bool stays = call.services.deps.leases.lie_alike(source.object.entry.headers.storage_class,
                                                         request.entry.headers.storage_class);
  if (!layout.chunks.empty() && stays && !reseal) {
    ShareObject share{.put = request,
                      .from = {.bucket = source.name.bucket, .key = source.name.key},
                      .from_version = source.object.entry.version};
    share.put.entry.layout.chunks = layout.chunks;
    Result<WriteOutcome> shared = co_await filer.share_object(std::move(share));
    if (shared || shared.error().code() != Errc::kUnimplemented) co_return shared;
  }
  std::optional<NeedleSink> needles;
  KELP_S3_CO_CHECK(co_await copy_body(call, source, bucket, needles, request, reseal));
  co_return co_await filer.put_object(std::move(request));
}

}  // namespace kelp::s3
