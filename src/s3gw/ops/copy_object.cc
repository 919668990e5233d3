#include <algorithm>

#include "s3gw/core/checksum.h"
#include "s3gw/core/header_text.h"
#include "s3gw/core/xml_writer.h"
#include "s3gw/expiration.h"
#include "s3gw/object_headers.h"
#include "s3gw/object_owner.h"
#include "s3gw/ops/copy_annotations.h"
#include "s3gw/ops/copy_body.h"
#include "s3gw/ops/copy_source.h"
#include "s3gw/ops/handlers.h"
#include "s3gw/ops/needle_sink.h"
#include "s3gw/s3_try.h"
#include "s3gw/write_headers.h"

namespace kelp::s3 {
namespace {

constexpr std::uint64_t kMaxCopyBytes = 5ULL << 30;
constexpr int kMaxAttempts = 3;

/// COPY (false) or REPLACE (true); `name` is the header.
S3Result<bool> replaces(const Call& call, std::string_view name) {
  const auto directive = call.header(name);
  if (!directive || *directive == "COPY") return false;
  if (*directive == "REPLACE") return true;
  const bool tags = name == "x-amz-tagging-directive";
  return std::unexpected(
      S3Error{S3Code::kInvalidArgument,
              tags ? "Unknown tagging directive." : "Unknown metadata directive.",
              {{"ArgumentName", std::string(name)}, {"ArgumentValue", std::string(*directive)}}});
}

/// What the copy carries: the source's headers, or the request's where it says so.
S3Result<ObjectHeaders> copied_headers(const Call& call, const FoundSource& source) {
  KELP_S3_TRY(const bool metadata, replaces(call, "x-amz-metadata-directive"));
  KELP_S3_TRY(const bool tags, replaces(call, "x-amz-tagging-directive"));
  KELP_S3_TRY(ObjectHeaders sent, read_object_headers(call.headers));
  const ObjectHeaders& stored = source.object.entry.headers;
  // An older version may become the current one anew.
  const bool to_itself = source.name.bucket == call.request.bucket &&
                         source.name.key == call.request.key && source.name.version_id.empty();
  const bool new_class =
      call.header("x-amz-storage-class") && sent.storage_class != stored.storage_class;
  const bool new_encryption = std::ranges::any_of(call.headers, [](const HttpHeader& header) {
    return starts_with_lower(header.name, "x-amz-server-side-encryption");
  });
  const bool new_redirect = call.header("x-amz-website-redirect-location").has_value();
  if (to_itself && !metadata && !new_class && !new_redirect && !new_encryption) {
    return s3_error(S3Code::kInvalidRequest,
                    "This copy request is illegal because it is trying to copy an object to itself "
                    "without changing the object's metadata, storage class, website redirect "
                    "location or encryption attributes.");
  }
  ObjectHeaders result = metadata ? sent : stored;
  // Never copied: storage class, lock, grants, encryption and redirect are the request's.
  result.storage_class = sent.storage_class;
  result.lock = sent.lock;
  result.acl = sent.acl;
  result.encryption = {};
  drop_restored_copy(result);
  result.tags = tags ? sent.tags : stored.tags;
  if (!metadata) {
    constexpr std::string_view kRedirect = "x-amz-website-redirect-location";
    std::erase_if(result.standard, [&](const auto& line) { return line.first == kRedirect; });
    if (const auto redirect = call.header(kRedirect)) {
      result.standard.emplace_back(kRedirect, *redirect);
    }
  }
  return result;
}

/// The checksum that the copy gets where it is not the source's: the one that the request names.
S3Result<std::optional<ChecksumAlgorithm>> other_checksum(const Call& call,
                                                          const ObjectEntry& source) {
  const auto name = call.header("x-amz-checksum-algorithm");
  if (!name) return std::optional<ChecksumAlgorithm>();
  const auto algorithm = checksum_by_name(*name);
  if (!algorithm) {
    return s3_error(S3Code::kInvalidRequest,
                    "Checksum algorithm provided is unsupported. Please try again with any of "
                    "the valid types: " +
                        std::string(kChecksumNames));
  }
  const bool has = std::ranges::any_of(source.checksums, [&](const Checksum& checksum) {
    return checksum.algorithm == *algorithm && checksum.type == ChecksumType::kFullObject;
  });
  return has ? std::nullopt : algorithm;
}

std::string copy_result_xml(const ObjectEntry& entry, WallTime modified) {
  std::string body;
  XmlWriter xml(body);
  xml.begin("CopyObjectResult");
  xml.element("LastModified", modified);
  xml.etag(etag_text(entry));
  for (const Checksum& checksum : entry.checksums) {
    xml.element(checksum_element(checksum.algorithm), checksum_text(checksum));
    xml.element("ChecksumType", name_of(checksum.type));
  }
  xml.close("CopyObjectResult");
  return body;
}

/// The object to write, all but its body.
S3Result<PutObject> copy_request(const Call& call, const FoundSource& source) {
  const ObjectEntry& original = source.object.entry;
  if (original.size_bytes > kMaxCopyBytes) {
    return s3_error(S3Code::kInvalidRequest,
                    "The specified copy source is larger than the maximum allowable size for a "
                    "copy source: 5368709120");
  }
  PutObject request{.bucket = call.request.bucket, .key = call.request.key};
  KELP_S3_TRY(request.conditions, write_conditions(call));
  ObjectEntry& entry = request.entry;
  KELP_S3_TRY(entry.headers, copied_headers(call, source));
  entry.size_bytes = original.size_bytes;
  KELP_S3_TRY(NewOwner owner, new_owner(call));
  entry.owner_id = std::move(owner.id);
  entry.headers.acl = std::move(owner.acl);
  entry.etag = original.etag;
  entry.etag_parts = original.etag_parts;
  entry.checksums = original.checksums;
  entry.parts = original.parts;
  return request;
}

/// How the copy is encrypted.
struct CopyKeys {
  Encryption encryption;         ///< Of the copy.
  BodyKey from;                  ///< Of the source.
  std::optional<Reseal> reseal;  ///< When the bytes cannot stay as they lie.
};

/// The customers' keys that a copy brings for its source and for itself are the same one.
S3Result<bool> same_customer(const Call& call) {
  KELP_S3_TRY(const auto from, read_customer_key(call.headers, kSourceCustomerPrefix));
  KELP_S3_TRY(const auto to, read_customer_key(call.headers));
  return from == to;
}

Task<S3Result<CopyKeys>> keys_for_copy(Call& call, BucketEntry bucket, Encryption source) {
  CopyKeys keys;
  KELP_S3_CO_TRY(keys.from, co_await key_for_read(call, std::move(source), kSourceCustomerPrefix));
  KELP_S3_CO_TRY(BodyKey to, co_await key_for_write(call, std::move(bucket)));
  const Encryption& from = keys.from.encryption;
  KELP_S3_CO_TRY(const bool same, same_customer(call));
  if (from.kind == to.encryption.kind && from.key_id == to.encryption.key_id && same) {
    if (to.any()) {
      KELP_S3_CO_TRY(to, co_await wrap_again(call, keys.from, std::move(to.encryption)));
    }
    keys.encryption = std::move(to.encryption);
    co_return keys;
  }
  keys.encryption = to.encryption;
  keys.reseal = Reseal{keys.from, std::move(to)};
  co_return keys;
}

/// What must be computed of the source's bytes before they are copied. Reads them.
Task<S3Result<void>> hash_source(Call& call, const FoundSource& source, const CopyKeys& keys,
                                 ObjectEntry& entry) {
  KELP_S3_CO_TRY(const auto algorithm, other_checksum(call, source.object.entry));
  // The MD5s of these are not known; what was uploaded in parts has one of the whole then.
  const bool md5 = !shows_md5(keys.from.encryption) && shows_md5(keys.encryption);
  if (algorithm || md5) {
    NoSink nowhere;
    const CopyHashes hashes{.md5 = md5, .checksum = algorithm};
    const ByteRange all{.offset = 0, .size_bytes = entry.size_bytes};
    KELP_S3_CO_TRY(CopiedBytes copied,
                   co_await copy_bytes(call, source.object, all, hashes, nowhere, keys.from));
    if (algorithm) entry.checksums = std::move(copied.checksums);
    if (md5) {
      entry.etag = std::move(copied.md5);
      entry.etag_parts = 0;
      entry.parts.clear();
    }
  }
  if (keys.reseal) entry.etag = shown_md5(keys.reseal->to, std::move(entry.etag));
  co_return S3Result<void>{};
}

}  // namespace

Task<S3Result<void>> copy_object(Call& call) {
  KELP_S3_CO_TRY(const BucketEntry bucket, co_await own_bucket(call));
  KELP_S3_CO_TRY(const bool with_annotations, copies_annotations(call));
  for (int attempt = 1;; ++attempt) {
    KELP_S3_CO_TRY(const FoundSource source, co_await find_copy_source(call));
    if (with_annotations) {
      KELP_S3_CO_CHECK(co_await authorize_annotations(call, source, call.request.key));
    }
    KELP_S3_CO_TRY(PutObject request, copy_request(call, source));
    take_default_class(call, bucket, request.entry.headers);
    KELP_S3_CO_CHECK(check_lock(call, bucket, request.entry.headers.lock));
    AskForRoom room{.size_bytes = request.entry.size_bytes};
    KELP_S3_CO_CHECK(co_await check_room(call, bucket, std::move(room)));
    KELP_S3_CO_TRY(CopyKeys keys,
                   co_await keys_for_copy(call, bucket, source.object.entry.headers.encryption));
    request.entry.headers.encryption = keys.encryption;
    KELP_S3_CO_CHECK(co_await hash_source(call, source, keys, request.entry));
    if (with_annotations) {
      KELP_S3_CO_TRY(request.entry.layout.annotations,
                     co_await stage_annotations(call, source, bucket, keys.encryption));
    }
    ObjectEntry answered = request.entry;
    const WriteConditions conditions = request.conditions;
    KELP_S3_CO_TRY(
        const Result<WriteOutcome> outcome,
        co_await write_copy(call, source, bucket.id, std::move(request), std::move(keys.reseal)));
    if (outcome) {
      HttpResponse head = begin_response(call, 200);
      head.add("Content-Type", "application/xml");
      add_version_id(outcome->version_id, head);
      answered.modified = outcome->modified;
      add_expiration(call, call.request.key, answered, head);
      add_source_version(source, head);
      add_encryption(call, answered.headers.encryption, head);
      co_await reply(call, std::move(head), copy_result_xml(answered, outcome->modified));
      co_return S3Result<void>{};
    }
    if (attempt < kMaxAttempts && source_changed(outcome.error())) continue;
    note_refusal(call.services.deps, outcome.error());
    co_return std::unexpected(write_error(outcome.error(), conditions));
  }
}

}  // namespace kelp::s3
