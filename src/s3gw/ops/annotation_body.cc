#include "s3gw/ops/annotation_body.h"

#include "async/work_pool.h"
#include "s3gw/core/names.h"
#include "s3gw/core/sealing.h"
#include "s3gw/ops/copy_source.h"
#include "s3gw/ops/request_body.h"
#include "s3gw/ops/sealing_sink.h"
#include "s3gw/s3_try.h"
#include "s3gw/write_headers.h"

namespace kelp::s3 {
namespace {

S3Error too_large(std::uint64_t bytes) {
  return {S3Code::kEntityTooLarge,
          {},
          {{"ProposedSize", std::to_string(bytes)},
           {"MaxSizeAllowed", std::to_string(kMaxAnnotationBytes)}}};
}

/// Collects a payload; what is too long never comes to more than that.
class AnnotationSink final : public ByteSink {
 public:
  Task<S3Result<void>> append(ByteSpan bytes) override {
    if (text.size() + bytes.size() > kMaxAnnotationBytes) {
      co_return std::unexpected(too_large(text.size() + bytes.size()));
    }
    text.append(as_text(bytes));
    co_return S3Result<void>{};
  }
  std::string text;
};

/// A key for an annotation; none when it stays as it is.
Task<S3Result<BodyKey>> key_of(Call& call, Encryption of_version) {
  KELP_S3_CO_CHECK(check_annotatable(of_version));
  Encryption how = std::move(of_version);
  how.wrapped_key.clear();
  if (!how.any()) {
    if (call.services.deps.keys == nullptr) co_return BodyKey{};
    how.kind = EncryptionKind::kS3;
  }
  BodyKey key{.encryption = {}, .key = SecretKey::draw()};
  co_return co_await wrap_again(call, std::move(key), std::move(how));
}

}  // namespace

S3Result<void> check_annotatable(const Encryption& of_version) {
  if (of_version.kind != EncryptionKind::kCustomer) return {};
  return s3_error(S3Code::kInvalidRequest,
                  "Objects encrypted with customer-provided keys (SSE-C) cannot have annotations.");
}

Task<S3Result<AnnotationText>> receive_annotation(Call& call) {
  const BodyNeeds needs{.default_checksum = ChecksumAlgorithm::kCrc64Nvme};
  KELP_S3_CO_TRY(PayloadSpec spec, payload_spec(call, needs));
  if (spec.decoded_bytes > kMaxAnnotationBytes && !spec.is_length_limit) {
    co_return std::unexpected(too_large(spec.decoded_bytes));
  }
  AnnotationSink sink;
  KELP_S3_CO_TRY(PayloadResult result, co_await receive_stream(call, std::move(spec), sink));
  if (sink.text.empty()) {
    co_return s3_error(S3Code::kInvalidRequest, "The annotation payload must not be empty.");
  }
  std::move_only_function<Result<bool>()> look = [&sink]() -> Result<bool> {
    return valid_utf8(sink.text);
  };
  KELP_S3_CO_TRY(const bool is_text,
                 co_await offload<bool>(call.services.deps.pool, std::move(look)));
  if (!is_text) co_return s3_error(S3Code::kUnsupportedMediaType);
  co_return AnnotationText{.text = std::move(sink.text),
                           .md5 = std::move(result.md5),
                           .checksums = std::move(result.checksums)};
}

Task<S3Result<void>> store_annotation(Call& call, BucketId bucket, Encryption of_version,
                                      AnnotationText payload, PutAnnotation& request,
                                      std::optional<NeedleSink>& sink) {
  const GatewayDeps& deps = call.services.deps;
  KELP_S3_CO_TRY(const BodyKey key, co_await key_of(call, std::move(of_version)));
  ObjectEntry& entry = request.entry;
  entry.size_bytes = payload.text.size();
  entry.etag = shown_md5(key, std::move(payload.md5));
  entry.checksums = std::move(payload.checksums);
  entry.headers.encryption = key.encryption;
  std::string stored = std::move(payload.text);
  if (key.any()) {
    std::move_only_function<Result<void>()> seal = [&]() -> Result<void> {
      stored = seal_body(key.key, 1, new_salt(), stored);
      return {};
    };
    KELP_S3_CO_CHECK(co_await offload<void>(deps.pool, std::move(seal)));
  }
  if (stored.size() <= deps.filer.inline_limit_bytes()) {
    request.inline_body = std::move(stored);
    co_return S3Result<void>{};
  }
  // Without a key: whoever rebuilds the namespace from needles must not take it for the object's.
  sink.emplace(deps, NeedleSink::Target{.bucket = bucket,
                                        .object_key = {},
                                        .total_bytes = stored.size(),
                                        .storage_class = {},
                                        .origin = {.bucket = request.object.bucket}});
  KELP_S3_CO_CHECK(co_await sink->append(as_bytes(stored)));
  KELP_S3_CO_TRY(entry.layout.chunks, co_await sink->finish());
  co_return S3Result<void>{};
}

Task<S3Result<AnnotationText>> read_annotation(Call& call, FoundAnnotation found, bool with_md5) {
  const FoundObject body{.bucket = std::move(found.bucket),
                         .entry = std::move(found.annotation),
                         .inline_body = std::move(found.inline_body)};
  KELP_S3_CO_TRY(BodyKey key, co_await key_for_read(call, body.entry.headers.encryption));
  StringSink text;
  const ByteRange all{.offset = 0, .size_bytes = body.entry.size_bytes};
  const CopyHashes hashes{.md5 = with_md5, .checksum = {}};
  KELP_S3_CO_TRY(CopiedBytes copied,
                 co_await copy_bytes(call, body, all, hashes, text, std::move(key)));
  if (text.data.size() != body.entry.size_bytes) co_return s3_error(S3Code::kInternalError);
  co_return AnnotationText{.text = std::move(text.data),
                           .md5 = std::move(copied.md5),
                           .checksums = body.entry.checksums};
}

S3Error annotation_error(const Error& error, const ObjectKey& name) {
  if (error.reason() == Reason::kConditionFailed) {
    return precondition_failed("x-amz-object-if-match");
  }
  if (error.code() == Errc::kNotFound && error.reason() == Reason::kNone) {
    return {S3Code::kNoSuchAnnotation, {}, {}};
  }
  return version_error(error, name);
}

}  // namespace kelp::s3
