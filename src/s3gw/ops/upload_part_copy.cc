// UploadPartCopy: whole needles of the source are shared, what is left at the ends of the range is
// copied.

#include <fmt/format.h>

#include <array>

#include "base/encoding.h"
#include "crypto/digest.h"
#include "s3gw/core/checksum.h"
#include "s3gw/core/pieces.h"
#include "s3gw/core/xml_writer.h"
#include "s3gw/object_headers.h"
#include "s3gw/ops/copy_body.h"
#include "s3gw/ops/copy_source.h"
#include "s3gw/ops/handlers.h"
#include "s3gw/ops/needle_sink.h"
#include "s3gw/ops/part_target.h"
#include "s3gw/ops/sealing_sink.h"
#include "s3gw/s3_try.h"
#include "s3gw/write_headers.h"

namespace kelp::s3 {
namespace {

constexpr int kMaxAttempts = 3;

/// Stands for the MD5 of a part that nobody read: of where its bytes come from.
std::string origin_md5(const ObjectEntry& source, ByteRange range) {
  Digest md5(DigestAlgorithm::kMd5);
  md5.update(fmt::format("{} {} {} {}", etag_text(source), source.version, range.offset,
                         range.size_bytes));
  return md5.finish();
}

/// Copies a stretch of the source, which begins at `part_offset` of the part, into needles of its
/// own, which `sink` holds.
Task<S3Result<std::vector<Chunk>>> copy_end(Call& call, const PartTarget& target,
                                            const FoundObject& source, ByteRange range,
                                            std::uint64_t part_offset,
                                            std::optional<NeedleSink>& sink) {
  if (range.size_bytes == 0) co_return std::vector<Chunk>{};
  NeedleSink::Target place{.bucket = target.bucket.id,
                           .object_key = call.request.key,
                           .total_bytes = range.size_bytes,
                           .storage_class = target.upload.headers.storage_class,
                           .origin = origin_of(call, target)};
  place.origin.offset = part_offset;
  place.origin.total_bytes = target.request.size_bytes;
  sink.emplace(call.services.deps, std::move(place));
  KELP_S3_CO_CHECK(co_await copy_bytes(call, source, range, {}, *sink));
  co_return co_await sink->finish();
}

/// One try without a copy of whole needles. The outer Result is S3's, the inner the filer's.
Task<S3Result<Result<void>>> try_share(Call& call, PartTarget& target, const FoundSource& source,
                                       ByteRange range, const WholeNeedles& whole) {
  const ObjectEntry& entry = source.object.entry;
  PutPart& part = target.request;
  if (target.upload.checksum_algorithm) {
    const CopyHashes hashes{.md5 = true, .checksum = target.upload.checksum_algorithm};
    NoSink nowhere;
    KELP_S3_CO_TRY(CopiedBytes copied,
                   co_await copy_bytes(call, source.object, range, hashes, nowhere));
    part.md5 = std::move(copied.md5);
    part.checksums = std::move(copied.checksums);
  } else {
    part.md5 = origin_md5(entry, range);
    part.checksums.clear();
  }
  std::array<std::optional<NeedleSink>, 2> sinks;  // until the commit has returned
  KELP_S3_CO_TRY(part.chunks,
                 co_await copy_end(call, target, source.object, whole.head, 0, sinks[0]));
  part.chunks.insert(part.chunks.end(), whole.chunks.begin(), whole.chunks.end());
  const std::uint64_t tail_at = range.size_bytes - whole.tail.size_bytes;
  KELP_S3_CO_TRY(const auto tail,
                 co_await copy_end(call, target, source.object, whole.tail, tail_at, sinks[1]));
  part.chunks.insert(part.chunks.end(), tail.begin(), tail.end());
  SharePart share{.put = part,
                  .from = {.bucket = source.name.bucket, .key = source.name.key},
                  .from_version = entry.version};
  co_return co_await call.services.deps.filer.share_part(std::move(share));
}

/// Copies every byte, from and to what it is encrypted with.
Task<S3Result<Result<void>>> copy_part(Call& call, PartTarget& target, const FoundSource& source,
                                       ByteRange range, Reseal keys) {
  PutPart& part = target.request;
  const BodyKey to = keys.to;
  NeedleSink::Target place{.bucket = target.bucket.id,
                           .object_key = call.request.key,
                           .total_bytes = stored_bytes(to.encryption, range.size_bytes),
                           .storage_class = target.upload.headers.storage_class,
                           .origin = origin_of(call, target)};
  mark_sealed(to.encryption, place);
  NeedleSink sink(call.services.deps, std::move(place));
  const CopyHashes hashes{.md5 = true, .checksum = default_checksum(target.upload)};
  std::vector<SealedBody> bodies{{part.part_number, range.size_bytes}};
  auto copying =
      copy_resealed(call, source.object, range, hashes, sink, std::move(keys), std::move(bodies));
  KELP_S3_CO_TRY(CopiedBytes copied, co_await std::move(copying));
  KELP_S3_CO_TRY(part.chunks, co_await sink.finish());
  part.md5 = shown_md5(to, std::move(copied.md5));
  part.checksums = std::move(copied.checksums);
  co_return co_await call.services.deps.filer.put_part(part);
}

Task<S3Result<Result<void>>> try_part(Call& call, PartTarget& target, const FoundSource& source) {
  const ObjectEntry& entry = source.object.entry;
  ByteRange range{.offset = 0, .size_bytes = entry.size_bytes};
  if (const auto header = call.header("x-amz-copy-source-range")) {
    KELP_S3_CO_TRY(range, resolve_copy_range(*header, entry.size_bytes));
  }
  KELP_S3_CO_CHECK(co_await check_room_for_part(call, target, range.size_bytes));
  target.request.size_bytes = range.size_bytes;
  const WholeNeedles whole = whole_needles(entry.layout.chunks, range);
  const bool stays = call.services.deps.leases.lie_alike(entry.headers.storage_class,
                                                         target.upload.headers.storage_class);
  Reseal keys;
  KELP_S3_CO_TRY(keys.from,
                 co_await key_for_read(call, entry.headers.encryption, kSourceCustomerPrefix));
  KELP_S3_CO_TRY(keys.to, co_await key_for_part(call, target.upload.headers.encryption));
  // Of encrypted bytes a part has its own.
  if (!whole.chunks.empty() && stays && !keys.from.any() && !keys.to.any()) {
    KELP_S3_CO_TRY(Result<void> shared, co_await try_share(call, target, source, range, whole));
    if (shared || shared.error().code() != Errc::kUnimplemented) co_return shared;
  }
  co_return co_await copy_part(call, target, source, range, std::move(keys));
}

}  // namespace

Task<S3Result<void>> upload_part_copy(Call& call) {
  KELP_S3_CO_TRY(PartTarget target, co_await find_part_target(call));
  FoundSource source;
  for (int attempt = 1;; ++attempt) {
    KELP_S3_CO_TRY(source, co_await find_copy_source(call));
    KELP_S3_CO_TRY(const Result<void> put, co_await try_part(call, target, source));
    if (!put && attempt < kMaxAttempts && source_changed(put.error())) continue;
    KELP_S3_CO_CHECK(part_result(call, put));
    break;
  }
  std::string body;
  XmlWriter xml(body);
  xml.begin("CopyPartResult");
  xml.element("LastModified", call.services.deps.clock.wall());
  xml.etag(hex_encode(target.request.md5));
  for (const Checksum& checksum : target.request.checksums) {
    xml.element(checksum_element(checksum.algorithm), checksum_text(checksum));
  }
  xml.close("CopyPartResult");
  HttpResponse head = begin_response(call, 200);
  head.add("Content-Type", "application/xml");
  add_source_version(source, head);
  add_encryption(call, target.upload.headers.encryption, head);
  co_await reply(call, std::move(head), std::move(body));
  co_return S3Result<void>{};
}

}  // namespace kelp::s3
