#include "s3gw/ops/copy_source.h"

#include "async/work_pool.h"
#include "s3gw/archive.h"
#include "s3gw/authorize.h"
#include "s3gw/core/checksum.h"
#include "s3gw/core/conditions.h"
#include "s3gw/core/pieces.h"
#include "s3gw/core/version_id.h"
#include "s3gw/ops/sealed_reader.h"
#include "s3gw/s3_try.h"
#include "s3gw/write_headers.h"

namespace kelp::s3 {
namespace {

constexpr std::size_t kHashInPlaceBytes = 16 * 1024;

/// The hashes of a copy; nothing to do when none was asked for.
class CopyHasher {
 public:
  explicit CopyHasher(const CopyHashes& hashes) {
    if (hashes.md5) md5_.emplace(DigestAlgorithm::kMd5);
    if (hashes.checksum) checksum_.emplace(*hashes.checksum);
  }
  [[nodiscard]] bool idle() const { return !md5_ && !checksum_; }
  void update(ByteSpan bytes) {
    if (md5_) md5_->update(bytes);
    if (checksum_) checksum_->update(bytes);
  }
  CopiedBytes finish() {
    CopiedBytes copied;
    if (md5_) copied.md5 = md5_->finish();
    if (checksum_) {
      copied.checksums.push_back(
          {.algorithm = checksum_->algorithm(), .value = checksum_->finish(), .part_count = 0});
    }
    return copied;
  }

 private:
  std::optional<Digest> md5_;
  std::optional<ChecksumHasher> checksum_;
};

Task<S3Result<void>> hash(WorkPool& pool, CopyHasher& hasher, ByteSpan bytes) {
  if (hasher.idle()) co_return S3Result<void>{};
  if (bytes.size() <= kHashInPlaceBytes) {
    hasher.update(bytes);
    co_return S3Result<void>{};
  }
  std::move_only_function<Result<void>()> work = [&]() -> Result<void> {
    hasher.update(bytes);
    return {};
  };
  KELP_S3_CO_CHECK(co_await offload<void>(pool, std::move(work)));
  co_return S3Result<void>{};
}

}  // namespace

Task<S3Result<FoundSource>> find_copy_source(Call& call) {
  FoundSource source;
  KELP_S3_CO_TRY(source.name, parse_copy_source(call.header("x-amz-copy-source").value_or("")));
  FilerClient& filer = call.services.deps.filer;
  ObjectKey name{.bucket = source.name.bucket, .key = source.name.key};
  if (!source.name.version_id.empty()) {
    KELP_S3_CO_TRY(name.version_id, read_version_id("versionId", source.name.version_id));
  }
  auto found = co_await filer.get_object(name, true);
  if (!found) {
    S3Error error = version_error(found.error(), name);
    if (error.code == S3Code::kNoSuchKey || error.code == S3Code::kNoSuchVersion) {
      KELP_S3_CO_CHECK(co_await authorize_listing(call, source.name.bucket));
      if (error.fields.empty()) error.fields.emplace_back("Key", source.name.key);
    } else if (error.code == S3Code::kNoSuchBucket) {
      error.fields.emplace_back("BucketName", source.name.bucket);
    }
    co_return std::unexpected(std::move(error));
  }
  source.object = *std::move(found);
  KELP_S3_CO_CHECK(co_await authorize_source(call, name, source.object));
  if (source.object.entry.delete_marker) {
    if (name.version_id) {
      co_return s3_error(S3Code::kInvalidRequest,
                         "The source of a copy request may not specifically refer to a delete "
                         "marker by version id.");
    }
    co_return std::unexpected(S3Error{S3Code::kNoSuchKey, {}, {{"Key", source.name.key}}});
  }
  const std::string etag = etag_text(source.object.entry);
  const ConditionOutcome outcome =
      evaluate(copy_source_conditions(call.headers),
               {.etag = etag, .modified = source.object.entry.modified});
  if (outcome.result != ConditionResult::kProceed) {
    std::string condition = "x-amz-copy-source-";
    condition += outcome.condition;
    co_return std::unexpected(precondition_failed(condition));
  }
  const auto readable = check_readable(
      call, source.object.entry, "Operation is not valid for the source object's storage class");
  if (!readable && call.operation == Operation::kCopyObject) {
    co_return s3_error(S3Code::kObjectNotInActiveTierError);  // AWS has it of CopyObject alone.
  }
  KELP_S3_CO_CHECK(readable);
  co_return source;
}

void add_source_version(const FoundSource& source, HttpResponse& head) {
  const auto id = shown_version_id(source.object.bucket, source.object.entry);
  if (id) head.add("x-amz-copy-source-version-id", version_id_text(*id));
}

Task<S3Result<CopiedBytes>> copy_bytes(Call& call, const FoundObject& source, ByteRange range,
                                       CopyHashes hashes, ByteSink& sink, BodyKey key) {
  const GatewayDeps& deps = call.services.deps;
  CopyHasher hasher(hashes);
  if (key.any()) {
    SealedReader reader(call, source, key, range);
    for (;;) {
      KELP_S3_CO_TRY(const ByteSpan bytes, co_await reader.next());
      if (bytes.empty()) co_return hasher.finish();
      KELP_S3_CO_CHECK(co_await hash(deps.pool, hasher, bytes));
      KELP_S3_CO_CHECK(co_await sink.append(bytes));
    }
  }
  if (source.entry.layout.chunks.empty()) {
    const std::string_view body = source.inline_body ? *source.inline_body : std::string_view();
    if (body.size() != stored_bytes(source.entry)) co_return s3_error(S3Code::kInternalError);
    const ByteSpan bytes = as_bytes(body.substr(range.offset, range.size_bytes));
    KELP_S3_CO_CHECK(co_await hash(deps.pool, hasher, bytes));
    KELP_S3_CO_CHECK(co_await sink.append(bytes));
    co_return hasher.finish();
  }
  auto buffer = call.services.buffers.take(BufferPool::kPieceBytes);
  if (!buffer) co_return s3_error(S3Code::kSlowDown);
  PieceCursor cursor(source.entry.layout.chunks, range.offset, range.size_bytes,
                     BufferPool::kPieceBytes);
  for (;;) {
    const auto piece = cursor.next();
    if (!piece && !cursor.wanted()) break;
    if (!piece) {
      KELP_S3_CO_TRY(auto chunks, co_await deps.filer.get_manifest(*cursor.wanted()));
      KELP_S3_CO_CHECK(cursor.open(std::move(chunks)));
      continue;
    }
    const MutableByteSpan bytes = buffer->span().first(piece->bytes);
    KELP_S3_CO_CHECK(co_await deps.volumes.read(piece->fid, piece->offset, bytes));
    KELP_S3_CO_CHECK(co_await hash(deps.pool, hasher, bytes));
    KELP_S3_CO_CHECK(co_await sink.append(bytes));
  }
  co_return hasher.finish();
}

bool source_changed(const Error& refusal) {
  return refusal.reason() == Reason::kConditionConflict;
}

}  // namespace kelp::s3
