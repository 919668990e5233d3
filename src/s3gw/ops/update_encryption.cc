// UpdateObjectEncryption: another key wraps the key of an object, whose bytes stay.

#include "s3gw/core/object_encryption.h"
#include "s3gw/core/request_xml.h"
#include "s3gw/encryption.h"
#include "s3gw/ops/handlers.h"
#include "s3gw/ops/request_body.h"
#include "s3gw/s3_try.h"

namespace kelp::s3 {
namespace {

constexpr int kMaxAttempts = 3;

Task<S3Result<Result<TaggedVersion>>> try_update(Call& call, Encryption how) {
  KELP_S3_CO_TRY(const FoundObject found, co_await find_object(call, false));
  const Encryption& before = found.entry.headers.encryption;
  KELP_S3_CO_CHECK(check_rewrap(before));
  KELP_S3_CO_TRY(BodyKey key, co_await key_for_read(call, before));
  if (before.kind == EncryptionKind::kKms) how.context = before.context;
  KELP_S3_CO_TRY(key, co_await wrap_again(call, std::move(key), std::move(how)));
  KELP_S3_CO_TRY(const auto version, version_parameter(call));
  RewrapObject request{
      .name = {.bucket = call.request.bucket, .key = call.request.key, .version_id = version},
      .version = found.entry.version,
      .wrapped_key = before.wrapped_key,
      .encryption = std::move(key.encryption),
      .origin = origin_of(call, EventCause::kPut)};
  co_return co_await call.services.deps.filer.rewrap_object(std::move(request));
}

}  // namespace

Task<S3Result<void>> update_object_encryption(Call& call) {
  KELP_S3_CO_TRY(std::string body, co_await read_request_xml(call, kMaxXmlBytes));
  KELP_S3_CO_TRY(const Encryption how, parse_object_encryption(std::move(body)));
  for (int attempt = 1;; ++attempt) {
    KELP_S3_CO_TRY(const Result<TaggedVersion> updated, co_await try_update(call, how));
    if (updated) {
      HttpResponse head = begin_response(call, 200);
      add_version_id(updated->version_id, head);
      co_await reply(call, std::move(head), {});
      co_return S3Result<void>{};
    }
    const Reason reason = updated.error().reason();
    const bool changed = reason == Reason::kConditionConflict || reason == Reason::kNoSuchKey ||
                         reason == Reason::kNoSuchVersion;
    if (!changed || attempt == kMaxAttempts) {
      co_return std::unexpected(from_error(updated.error()));
    }
  }
}

}  // namespace kelp::s3
