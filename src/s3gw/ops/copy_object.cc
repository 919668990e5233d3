#include "s3gw/core/checksum.h"
#include "s3gw/core/header_text.h"
#include "s3gw/core/xml_writer.h"
#include "s3gw/object_headers.h"
#include "s3gw/ops/copy_source.h"
#include "s3gw/ops/handlers.h"
#include "s3gw/ops/needle_sink.h"
#include "s3gw/s3_try.h"
#include "s3gw/write_headers.h"

namespace kelp::s3 {
namespace {

constexpr std::uint64_t kMaxCopyBytes = 5ULL << 30;

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
  const bool to_itself =
      source.name.bucket == call.request.bucket && source.name.key == call.request.key;
  const bool new_class =
      call.header("x-amz-storage-class") && sent.storage_class != stored.storage_class;
  const bool new_redirect = call.header("x-amz-website-redirect-location").has_value();
  if (to_itself && !metadata && !new_class && !new_redirect) {
    return s3_error(S3Code::kInvalidRequest,
                    "This copy request is illegal because it is trying to copy an object to itself "
                    "without changing the object's metadata, storage class, website redirect "
                    "location or encryption attributes.");
  }
  ObjectHeaders result = metadata ? sent : stored;
  // Never copied: the storage class and the redirect are the request's.
  result.storage_class = sent.storage_class;
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

/// What must be computed anew: a copy is one piece, so a multipart source's ETag and composite
/// checksum do not fit it.
S3Result<CopyHashes> needed_hashes(const Call& call, const ObjectEntry& source) {
  CopyHashes hashes{.md5 = source.etag_parts > 0};
  if (const auto name = call.header("x-amz-checksum-algorithm")) {
    hashes.checksum = checksum_by_name(*name);
    if (!hashes.checksum) {
      return s3_error(S3Code::kInvalidRequest,
                      "Checksum algorithm provided is unsupported. Please try again with any of "
                      "the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]");
    }
  } else if (source.checksums.empty()) {
    hashes.checksum = ChecksumAlgorithm::kCrc64Nvme;
  } else if (source.checksums.front().type == ChecksumType::kComposite) {
    hashes.checksum = source.checksums.front().algorithm;
  }
  return hashes;
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

}  // namespace

Task<S3Result<void>> copy_object(Call& call) {
  KELP_S3_CO_CHECK(refuse_unsupported(call.headers));
  PutObject request{.bucket = call.request.bucket, .key = call.request.key};
  KELP_S3_CO_TRY(request.conditions, write_conditions(call));
  KELP_S3_CO_TRY(const BucketEntry bucket, co_await own_bucket(call));
  KELP_S3_CO_TRY(FoundSource source, co_await find_copy_source(call));
  const ObjectEntry& original = source.object.entry;
  if (original.size_bytes > kMaxCopyBytes) {
    co_return s3_error(S3Code::kInvalidRequest,
                       "The specified copy source is larger than the maximum allowable size for a "
                       "copy source: 5368709120");
  }
  AskForRoom room{.size_bytes = original.size_bytes};
  KELP_S3_CO_CHECK(co_await check_room(call, bucket, std::move(room)));
  ObjectEntry& entry = request.entry;
  KELP_S3_CO_TRY(entry.headers, copied_headers(call, source));
  KELP_S3_CO_TRY(const CopyHashes hashes, needed_hashes(call, original));
  entry.size_bytes = original.size_bytes;
  entry.owner_id = call.account().id;
  entry.etag = original.etag;
  entry.checksums = original.checksums;

  std::optional<NeedleSink> needles;
  StringSink small;
  const bool fits = entry.size_bytes <= call.services.deps.filer.inline_limit_bytes();
  if (!fits) {
    NeedleSink::Target target{
        .bucket = bucket.id, .object_key = call.request.key, .total_bytes = entry.size_bytes};
    needles.emplace(call.services.deps, std::move(target));
  }
  ByteSink& sink = fits ? static_cast<ByteSink&>(small) : *needles;
  const ByteRange all{.offset = 0, .size_bytes = entry.size_bytes};
  KELP_S3_CO_TRY(CopiedBytes copied, co_await copy_bytes(call, source.object, all, hashes, sink));
  if (hashes.md5) entry.etag = std::move(copied.md5);
  if (hashes.checksum) entry.checksums = std::move(copied.checksums);
  if (needles) {
    KELP_S3_CO_TRY(entry.layout.chunks, co_await needles->finish());
  }
  if (!small.data.empty()) request.inline_body = std::move(small.data);

  ObjectEntry answered = entry;
  const WriteConditions conditions = request.conditions;
  const auto outcome = co_await call.services.deps.filer.put_object(std::move(request));
  if (!outcome) {
    note_refusal(call.services.deps, outcome.error());
    co_return std::unexpected(write_error(outcome.error(), conditions));
  }
  co_await reply_xml(call, copy_result_xml(answered, outcome->modified));
  co_return S3Result<void>{};
}

}  // namespace kelp::s3
