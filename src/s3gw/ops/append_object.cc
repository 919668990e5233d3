// PutObject with x-amz-write-offset-bytes: adds to the end of an object, as in S3 Express One Zone.

#include <charconv>

#include "s3gw/archive.h"
#include "s3gw/core/appended.h"
#include "s3gw/encryption.h"
#include "s3gw/object_headers.h"
#include "s3gw/object_owner.h"
#include "s3gw/ops/handlers.h"
#include "s3gw/ops/needle_sink.h"
#include "s3gw/ops/request_body.h"
#include "s3gw/ops/sealing_sink.h"
#include "s3gw/ops/stored_body.h"
#include "s3gw/s3_try.h"
#include "s3gw/write_headers.h"

namespace kelp::s3 {
namespace {

constexpr std::string_view kOffset = "x-amz-write-offset-bytes";

S3Result<std::uint64_t> offset_of(const Call& call) {
  const std::string_view text = call.header(kOffset).value_or("");
  std::uint64_t offset = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), offset);
  if (error == std::errc() && end == text.data() + text.size()) return offset;
  return std::unexpected(
      S3Error{S3Code::kInvalidArgument,
              "The write offset must be a number of bytes.",
              {{"ArgumentName", std::string(kOffset)}, {"ArgumentValue", std::string(text)}}});
}

/// The object to append to; nothing: there is none.
Task<S3Result<std::optional<FoundObject>>> find_appended(Call& call) {
  ObjectKey name{.bucket = call.request.bucket, .key = call.request.key};
  auto found = co_await call.services.deps.filer.get_object(std::move(name), true);
  if (found) co_return *std::move(found);
  if (found.error().reason() == Reason::kNoSuchKey) co_return std::optional<FoundObject>();
  co_return std::unexpected(from_error(found.error()));
}

/// The key of the object that is there, or of the new one. EncryptionTypeMismatch when the request
/// wants another kind of encryption than the object has.
Task<S3Result<BodyKey>> key_for_append(Call& call, BucketEntry bucket, bool there,
                                       Encryption encryption) {
  if (!there) co_return co_await key_for_write(call, std::move(bucket));
  KELP_S3_CO_TRY(const WantedEncryption wanted, read_encryption(call.headers));
  if (wanted.how.any() && wanted.how.kind != encryption.kind) {
    co_return s3_error(S3Code::kEncryptionTypeMismatch);
  }
  co_return co_await key_for_read(call, std::move(encryption));
}

/// As what the body that is appended is sealed: see append_to().
std::uint32_t appended_number(const ObjectEntry& entry) {
  if (entry.size_bytes == 0) return 1;
  return entry.parts.empty() ? 2 : entry.parts.back().part_number + 1;
}

/// Reads the body to where it will stay, behind `kept`, an inline body as it lies; adds it to
/// `put`. `sink` must live until the commit.
Task<S3Result<void>> store_behind(Call& call, PayloadSpec spec, BucketId bucket, std::string kept,
                                  std::optional<NeedleSink>& sink, PutObject& put, BodyKey key) {
  const GatewayDeps& deps = call.services.deps;
  const std::uint64_t limit = deps.filer.inline_limit_bytes();
  const std::uint32_t number = appended_number(put.entry);
  const bool small = put.entry.layout.chunks.empty() && kept.size() <= limit &&
                     spec.decoded_bytes <= inline_plain_bytes(key, limit - kept.size());
  if (small) {
    KELP_S3_CO_TRY(ReceivedBody received, co_await receive_whole(call, std::move(spec)));
    received.result.md5 = shown_md5(key, std::move(received.result.md5));
    append_to(put.entry, received.result);
    if (key.any()) received.data = seal_body(key.key, number, new_salt(), received.data);
    kept += received.data;
    if (!kept.empty()) put.inline_body = std::move(kept);
    co_return S3Result<void>{};
  }
  NeedleSink::Target target{
      .bucket = bucket,
      .object_key = call.request.key,
      .total_bytes = kept.size() + stored_bytes(key.encryption, spec.decoded_bytes),
      .storage_class = put.entry.headers.storage_class,
      .origin = {.bucket = put.bucket,
                 .offset = stored_bytes(put.entry) - kept.size(),
                 .total_bytes = put.entry.size_bytes + spec.decoded_bytes}};
  mark_sealed(key.encryption, target);
  sink.emplace(deps, std::move(target));
  KELP_S3_CO_CHECK(co_await sink->append(as_bytes(kept)));
  auto receiving = receive_sealed(call, std::move(spec), *sink, std::move(key), number);
  KELP_S3_CO_TRY(const PayloadResult result, co_await std::move(receiving));
  KELP_S3_CO_TRY(const std::vector<Chunk> chunks, co_await sink->finish());
  auto& all = put.entry.layout.chunks;
  all.insert(all.end(), chunks.begin(), chunks.end());
  append_to(put.entry, result);
  co_return S3Result<void>{};
}

/// The error of a commit that somebody else's came before.
Task<S3Error> lost_error(Call& call, Error error, std::uint64_t offset,
                         const WriteConditions& conditions) {
  const auto now = co_await find_appended(call);
  const std::uint64_t size = now && *now ? (*now)->entry.size_bytes : 0;
  if (now && size != offset) co_return S3Error{S3Code::kInvalidWriteOffset, {}, {}};
  co_return write_error(error, conditions);
}

}  // namespace

// The new bytes go into needles of their own, or with the ones that are there into an inline body;
// one commit makes the longer object visible, when the one that was read is still there.
Task<S3Result<void>> append_object(Call& call) {
  KELP_S3_CO_TRY(const std::uint64_t offset, offset_of(call));
  PutObject put{.bucket = call.request.bucket, .key = call.request.key};
  KELP_S3_CO_TRY(ObjectHeaders headers, read_object_headers(call.headers));
  KELP_S3_CO_TRY(const WriteConditions conditions, write_conditions(call));
  KELP_S3_CO_TRY(const BucketEntry bucket, co_await own_bucket(call));
  KELP_S3_CO_CHECK(check_lock(call, bucket, headers.lock));
  if (bucket.versioning != Versioning::kNever) {
    co_return s3_error(S3Code::kInvalidRequest,
                       "Objects in a bucket that has, or had, versioning cannot be appended to.");
  }
  KELP_S3_CO_TRY(std::optional<FoundObject> found, co_await find_appended(call));
  const std::uint64_t version = found ? found->entry.version : 0;
  if (found) {
    KELP_S3_CO_CHECK(check_readable(call, found->entry));
    put.entry = std::move(found->entry);
    put.entry.layout.inline_id = 0;
  } else {
    put.entry.headers = std::move(headers);
    take_default_class(call, bucket, put.entry.headers);
    KELP_S3_CO_TRY(NewOwner owner, new_owner(call));
    put.entry.owner_id = std::move(owner.id);
    put.entry.headers.acl = std::move(owner.acl);
  }
  auto opening = key_for_append(call, bucket, version != 0, put.entry.headers.encryption);
  KELP_S3_CO_TRY(BodyKey key, co_await std::move(opening));
  put.entry.headers.encryption = key.encryption;
  put.conditions = conditions;
  put.conditions.origin = origin_of(call, EventCause::kPut);
  BodyNeeds needs{.default_checksum = ChecksumAlgorithm::kCrc64Nvme};
  if (!put.entry.checksums.empty()) needs.default_checksum = put.entry.checksums.front().algorithm;
  KELP_S3_CO_TRY(PayloadSpec spec, payload_spec(call, needs));
  KELP_S3_CO_CHECK(check_upload_size(spec));
  KELP_S3_CO_CHECK(check_append(put.entry, offset, spec.decoded_bytes));
  AskForRoom room{.size_bytes = offset + spec.decoded_bytes};
  KELP_S3_CO_CHECK(co_await check_room(call, bucket, std::move(room)));

  std::optional<NeedleSink> sink;
  std::string kept = found && found->inline_body ? *std::move(found->inline_body) : std::string();
  KELP_S3_CO_CHECK(co_await store_behind(call, std::move(spec), bucket.id, std::move(kept), sink,
                                         put, std::move(key)));
  HttpResponse head = begin_response(call, 200);
  add_etag(put.entry, head);
  add_checksums(put.entry.checksums, head);
  add_encryption(call, put.entry.headers.encryption, head);
  head.add("x-amz-object-size", std::to_string(put.entry.size_bytes));

  FilerClient& filer = call.services.deps.filer;
  Result<WriteOutcome> outcome = WriteOutcome{};
  if (version != 0) {
    AppendObject request{.put = std::move(put), .version = version};
    outcome = co_await filer.append_object(std::move(request));
  } else {
    put.conditions.if_none_match_any = true;
    outcome = co_await filer.put_object(std::move(put));
  }
  if (!outcome) {
    note_refusal(call.services.deps, outcome.error());
    const Reason reason = outcome.error().reason();
    const bool lost = reason == Reason::kConditionConflict || reason == Reason::kConditionFailed;
    if (!lost) co_return std::unexpected(write_error(outcome.error(), conditions));
    co_return std::unexpected(co_await lost_error(call, outcome.error(), offset, conditions));
  }
  co_await reply(call, std::move(head), {});
  co_return S3Result<void>{};
}

}  // namespace kelp::s3
