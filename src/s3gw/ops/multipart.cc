#include <algorithm>
#include <charconv>

#include "s3gw/core/checksum.h"
#include "s3gw/core/config/shape.h"
#include "s3gw/core/names.h"
#include "s3gw/core/request_xml.h"
#include "s3gw/core/xml_writer.h"
#include "s3gw/encryption.h"
#include "s3gw/expiration.h"
#include "s3gw/object_headers.h"
#include "s3gw/object_owner.h"
#include "s3gw/ops/handlers.h"
#include "s3gw/ops/refused_complete.h"
#include "s3gw/ops/request_body.h"
#include "s3gw/s3_try.h"
#include "s3gw/write_headers.h"

namespace kelp::s3 {
namespace {

constexpr std::uint32_t kMaxUploads = 1000;
constexpr std::uint32_t kMaxParts = 1000;

struct UploadChecksum {
  std::optional<ChecksumAlgorithm> algorithm;
  ChecksumType type = ChecksumType::kComposite;
};

/// Which types an algorithm can have (S3 user guide, "Checksums for multipart uploads"): CRC64NVME
/// only of the whole object, the other CRCs both, the rest only composite.
bool possible(ChecksumAlgorithm algorithm, ChecksumType type) {
  switch (algorithm) {
    case ChecksumAlgorithm::kCrc64Nvme:
      return type == ChecksumType::kFullObject;
    case ChecksumAlgorithm::kCrc32:
    case ChecksumAlgorithm::kCrc32c:
      return true;
    default:
      return type == ChecksumType::kComposite;
  }
}

/// x-amz-checksum-type.
S3Result<std::optional<ChecksumType>> checksum_type(const Call& call) {
  const auto text = call.header("x-amz-checksum-type");
  if (!text) return std::nullopt;
  for (const ChecksumType type : {ChecksumType::kComposite, ChecksumType::kFullObject}) {
    if (*text == name_of(type)) return type;
  }
  return s3_error(S3Code::kInvalidRequest, "Value for x-amz-checksum-type header is invalid.");
}

S3Result<UploadChecksum> upload_checksum(const Call& call) {
  UploadChecksum result;
  const auto name = call.header("x-amz-checksum-algorithm");
  if (!name) {
    if (!call.header("x-amz-checksum-type")) return result;
    return s3_error(S3Code::kInvalidRequest,
                    "The x-amz-checksum-type header can only be used with the "
                    "x-amz-checksum-algorithm header.");
  }
  result.algorithm = checksum_by_name(*name);
  if (!result.algorithm) {
    return s3_error(S3Code::kInvalidRequest,
                    "Checksum algorithm provided is unsupported. Please try again with any of the "
                    "valid types: " +
                        std::string(kChecksumNames));
  }
  if (*result.algorithm == ChecksumAlgorithm::kCrc64Nvme) result.type = ChecksumType::kFullObject;
  KELP_S3_TRY(const auto type, checksum_type(call));
  if (type) result.type = *type;
  if (!possible(*result.algorithm, result.type)) {
    return s3_error(S3Code::kInvalidRequest, "The " + std::string(name_of(result.type)) +
                                                 " checksum type cannot be used with the " +
                                                 std::string(lower_name_of(*result.algorithm)) +
                                                 " checksum algorithm.");
  }
  return result;
}

std::unexpected<S3Error> bad_checksum(ChecksumAlgorithm algorithm) {
  return s3_error(S3Code::kInvalidRequest,
                  "Value for " + std::string(header_of(algorithm)) + " header is invalid.");
}

/// A composite value, "…-N", compared with the checksums that the request names for its parts,
/// where it names all; the filer compares it and them with those of the stored parts.
S3Result<Checksum> read_composite(ChecksumAlgorithm algorithm, std::string_view text,
                                  const std::vector<RequestedPart>& parts) {
  const std::size_t dash = text.rfind('-');
  auto sent = parse_checksum(algorithm, text.substr(0, dash));
  if (!sent) return bad_checksum(algorithm);
  bool right = text.substr(dash + 1) == std::to_string(parts.size());
  bool all_named = true;
  ChecksumHasher hasher(algorithm);
  for (const RequestedPart& part : parts) {
    const auto own = std::ranges::find(part.checksums, algorithm, &Checksum::algorithm);
    all_named = all_named && own != part.checksums.end();
    if (all_named) hasher.update(as_bytes(own->value));
  }
  if (all_named) right = right && hasher.finish() == sent->value;
  if (right) return *std::move(sent);
  return s3_error(S3Code::kBadDigest, "The " + std::string(name_of(algorithm)) +
                                          " you specified did not match the calculated checksum.");
}

/// The checksum of the whole object that a Complete may bring.
S3Result<std::optional<Checksum>> full_checksum(const Call& call,
                                                const std::vector<RequestedPart>& parts) {
  for (const HttpHeader& header : call.headers) {
    const auto algorithm = checksum_by_header(header.name);
    if (!algorithm) continue;
    if (header.value.contains('-')) {
      KELP_S3_TRY(Checksum checksum, read_composite(*algorithm, header.value, parts));
      return checksum;
    }
    auto checksum = parse_checksum(*algorithm, header.value);
    if (!checksum) return bad_checksum(*algorithm);
    return checksum;
  }
  return std::nullopt;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

S3Result<std::optional<std::uint64_t>> object_size_header(const Call& call) {
  const auto text = call.header("x-amz-mp-object-size");
  if (!text) return std::nullopt;
  std::uint64_t size = 0;
  const char* end = text->data() + text->size();
  const auto parsed = std::from_chars(text->data(), end, size);
  if (parsed.ec != std::errc() || parsed.ptr != end) {
    const bool negative = text->starts_with('-') && text->size() > 1 &&
                          std::ranges::all_of(text->substr(1), is_digit);
    return s3_error(S3Code::kInvalidRequest,
                    "Value for x-amz-mp-object-size header is " +
                        std::string(negative ? "less than zero: '" : "invalid: '") +
                        std::string(*text) + "'");
  }
  return size;
}

S3Result<CompleteUpload> read_complete(const Call& call, std::string body) {
  CompleteUpload request{.upload = upload_name(call)};
  KELP_S3_TRY(std::vector<RequestedPart> parts, parse_complete_upload(std::move(body)));
  KELP_S3_TRY(request.full_checksum, full_checksum(call, parts));
  request.parts.reserve(parts.size());
  for (RequestedPart& part : parts) {
    request.parts.push_back({.part_number = part.part_number,
                             .etag = std::move(part.etag),
                             .checksums = std::move(part.checksums)});
  }
  KELP_S3_TRY(request.conditions, write_conditions(call));
  KELP_S3_TRY(request.object_bytes, object_size_header(call));
  return request;
}

/// Compares what a Complete says of checksums with what its upload is for: the type, and where that
/// is composite a checksum of each part. Whether these are right is the filer's to say.
S3Result<void> check_checksums(const CompleteUpload& request, std::optional<ChecksumType> type,
                               const UploadInfo& upload) {
  const auto algorithm = upload.checksum_algorithm;
  const ChecksumType own = algorithm ? upload.checksum_type : ChecksumType::kFullObject;
  if (type && *type != own) {
    return s3_error(S3Code::kBadDigest, "The upload was created using the " +
                                            std::string(algorithm ? name_of(own) : "null") +
                                            " checksum mode. The complete request must use the "
                                            "same checksum mode.");
  }
  if (own == ChecksumType::kFullObject) return {};
  const auto part = std::ranges::find_if(
      request.parts, [](const NamedPart& each) { return each.checksums.empty(); });
  if (part == request.parts.end()) return {};
  return s3_error(S3Code::kInvalidRequest,
                  "The upload was created using a " + std::string(lower_name_of(*algorithm)) +
                      " checksum. The complete request must include the checksum for each part. "
                      "It was missing for part " +
                      std::to_string(part->part_number) + " in the request.");
}

std::string complete_xml(const Call& call, const CompletedUpload& done) {
  std::string body;
  XmlWriter xml(body);
  xml.begin("CompleteMultipartUploadResult");
  std::string location = call.http.secure ? "https://" : "http://";
  location += call.header("host").value_or("");
  location += call.request.raw_path;
  xml.element("Location", location);
  xml.element("Bucket", call.request.bucket);
  xml.element("Key", call.request.key);
  xml.etag(done.etag);
  for (const Checksum& checksum : done.checksums) {
    xml.element(checksum_element(checksum.algorithm), checksum_text(checksum));
    xml.element("ChecksumType", name_of(checksum.type));
  }
  xml.close("CompleteMultipartUploadResult");
  return body;
}

}  // namespace

UploadName upload_name(const Call& call) {
  return {.bucket = call.request.bucket,
          .key = call.request.key,
          .upload_id = std::string(call.parameter("uploadId").value_or(""))};
}

S3Error upload_error(const Call& call, const Error& error) {
  S3Error answer = from_error(error);
  if (answer.code == S3Code::kNoSuchUpload) {
    answer.fields.emplace_back("UploadId", call.parameter("uploadId").value_or(""));
  }
  return answer;
}

Task<S3Result<void>> create_multipart_upload(Call& call) {
  CreateUpload request{.bucket = call.request.bucket, .key = call.request.key};
  KELP_S3_CO_TRY(request.headers, read_object_headers(call.headers));
  KELP_S3_CO_TRY(const UploadChecksum checksum, upload_checksum(call));
  request.checksum_algorithm = checksum.algorithm;
  request.checksum_type = checksum.type;
  KELP_S3_CO_TRY(const BucketEntry bucket, co_await own_bucket(call));
  KELP_S3_CO_TRY(NewOwner owner, new_owner(call));
  request.owner_id = std::move(owner.id);
  request.headers.acl = std::move(owner.acl);
  take_default_class(call, bucket, request.headers);
  KELP_S3_CO_CHECK(check_lock(call, bucket, request.headers.lock));
  KELP_S3_CO_TRY(BodyKey key, co_await key_for_write(call, bucket));
  request.headers.encryption = key.encryption;
  auto created = co_await call.services.deps.filer.create_upload(std::move(request));
  KELP_S3_CO_TRY(const UploadInfo upload, std::move(created));

  std::string body;
  XmlWriter xml(body);
  xml.begin("InitiateMultipartUploadResult");
  xml.element("Bucket", call.request.bucket);
  xml.element("Key", call.request.key);
  xml.element("UploadId", upload.upload_id);
  xml.close("InitiateMultipartUploadResult");
  HttpResponse head = begin_response(call, 200);
  head.add("Content-Type", "application/xml");
  if (checksum.algorithm) {
    head.add("x-amz-checksum-algorithm", name_of(*checksum.algorithm));
    head.add("x-amz-checksum-type", name_of(checksum.type));
  }
  add_encryption(call, key.encryption, head);
  add_abort_date(call, upload, head);
  co_await reply(call, std::move(head), std::move(body));
  co_return S3Result<void>{};
}

// The commit is one metadata write, so no keep-alive is needed while it runs.
Task<S3Result<void>> complete_multipart_upload(Call& call) {
  KELP_S3_CO_CHECK(co_await own_bucket(call));
  KELP_S3_CO_TRY(std::string body, co_await read_request_xml(call, kMaxListXmlBytes, false));
  KELP_S3_CO_TRY(CompleteUpload request, read_complete(call, std::move(body)));
  request.conditions.origin = origin_of(call, EventCause::kUpload);
  const WriteConditions conditions = request.conditions;
  SaidOfUpload said = said_of(request);
  KELP_S3_CO_TRY(const auto type, checksum_type(call));
  // A repeated call, of an upload that is finished, does without.
  const auto upload = co_await call.services.deps.filer.get_upload(request.upload);
  if (upload) {
    KELP_S3_CO_CHECK(check_checksums(request, type, *upload));
  }
  const auto done = co_await call.services.deps.filer.complete_upload(std::move(request));
  if (!done) {
    if (done.error().reason() == Reason::kConditionFailed) {
      co_return std::unexpected(write_error(done.error(), conditions));
    }
    co_return std::unexpected(co_await refused_complete(call, done.error(), std::move(said)));
  }
  HttpResponse head = begin_response(call, 200);
  head.add("Content-Type", "application/xml");
  add_version_id(done->version_id, head);
  if (call.access != nullptr && call.access->lifecycle != nullptr) {
    ObjectKey name{.bucket = call.request.bucket, .key = call.request.key};
    const auto object = co_await call.services.deps.filer.get_object(std::move(name), false);
    if (object && object->entry.version == done->version) {
      add_expiration(call, call.request.key, object->entry, head);
    }
  }
  if (upload && upload->headers.encryption.kind != EncryptionKind::kCustomer) {
    add_encryption(call, upload->headers.encryption, head);
  }
  co_await reply(call, std::move(head), complete_xml(call, *done));
  co_return S3Result<void>{};
}

Task<S3Result<void>> abort_multipart_upload(Call& call) {
  // A condition of directory buckets. What it forbids must not be aborted.
  static constexpr std::string_view kForeignConditions[] = {"x-amz-if-match-initiated-time"};
  KELP_S3_CO_CHECK(refuse_headers(call, kForeignConditions));
  KELP_S3_CO_CHECK(co_await own_bucket(call));
  const auto aborted = co_await call.services.deps.filer.abort_upload(upload_name(call));
  if (!aborted) co_return std::unexpected(upload_error(call, aborted.error()));
  co_await reply_empty(call, 204);
  co_return S3Result<void>{};
}

Task<S3Result<void>> list_parts(Call& call) {
  PartsEcho echo{.bucket = call.request.bucket, .key = call.request.key};
  KELP_S3_CO_TRY(echo.after_part, number_parameter(call, "part-number-marker", {0, 2'147'483'647}));
  KELP_S3_CO_TRY(echo.max_parts, number_parameter(call, "max-parts", {kMaxParts, kMaxParts}));
  KELP_S3_CO_TRY(echo.url_encoding, wants_url_encoding(call));
  KELP_S3_CO_CHECK(co_await own_bucket(call));
  auto listed = co_await call.services.deps.filer.list_parts(upload_name(call), echo.after_part,
                                                             echo.max_parts);
  if (!listed) co_return std::unexpected(upload_error(call, listed.error()));
  HttpResponse head = begin_response(call, 200);
  head.add("Content-Type", "application/xml");
  add_abort_date(call, listed->upload, head);
  std::string body = list_parts_xml(*listed, echo, owners_of(call));
  co_await reply(call, std::move(head), std::move(body));
  co_return S3Result<void>{};
}

Task<S3Result<void>> list_multipart_uploads(Call& call) {
  ListingEcho echo{.bucket = call.request.bucket,
                   .prefix = call.parameter("prefix").value_or(""),
                   .delimiter = call.parameter("delimiter").value_or("")};
  KELP_S3_CO_TRY(echo.max_keys, number_parameter(call, "max-uploads", {kMaxUploads, kMaxUploads}));
  KELP_S3_CO_TRY(echo.url_encoding, wants_url_encoding(call));
  const std::string_view key_marker = call.parameter("key-marker").value_or("");
  // Without a key marker the upload id says nothing (S3 API reference, ListMultipartUploads).
  const std::string_view id_marker =
      key_marker.empty() ? std::string_view() : call.parameter("upload-id-marker").value_or("");
  KELP_S3_CO_CHECK(co_await own_bucket(call));
  ListUploads request{.bucket = call.request.bucket,
                      .prefix = std::string(echo.prefix),
                      .delimiter = std::string(echo.delimiter),
                      .key_marker = std::string(key_marker),
                      .upload_id_marker = std::string(id_marker),
                      .limit = echo.max_keys};
  auto listed = co_await call.services.deps.filer.list_uploads(std::move(request));
  if (!listed && listed.error().code() == Errc::kInvalidArgument) {
    co_return bad_argument("Invalid uploadId marker", "upload-id-marker", std::string(id_marker));
  }
  KELP_S3_CO_TRY(const ListedUploads page, std::move(listed));
  std::string body = list_uploads_xml(page, echo, key_marker, id_marker, owners_of(call));
  co_await reply_xml(call, std::move(body));
  co_return S3Result<void>{};
}

}  // namespace kelp::s3
