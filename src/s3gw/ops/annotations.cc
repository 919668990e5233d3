// Annotations of objects: PutObjectAnnotation and its relatives.

#include "s3gw/authorize.h"
#include "s3gw/core/annotation_names.h"
#include "s3gw/core/checksum.h"
#include "s3gw/core/header_text.h"
#include "s3gw/core/http_date.h"
#include "s3gw/core/listing_token.h"
#include "s3gw/core/request_xml.h"
#include "s3gw/core/version_id.h"
#include "s3gw/core/xml_writer.h"
#include "s3gw/encryption.h"
#include "s3gw/object_headers.h"
#include "s3gw/ops/annotation_body.h"
#include "s3gw/ops/handlers.h"
#include "s3gw/s3_try.h"
#include "s3gw/write_headers.h"

namespace kelp::s3 {
namespace {

S3Result<std::string> annotation_name(const Call& call) {
  const std::string_view name = call.parameter("annotationName").value_or("");
  KELP_S3_CHECK(check_annotation_name(name));
  return std::string(name);
}

S3Result<ObjectKey> object_name(const Call& call) {
  KELP_S3_TRY(const auto version, version_parameter(call));
  return ObjectKey{.bucket = call.request.bucket, .key = call.request.key, .version_id = version};
}

std::optional<std::string> object_if_match(const Call& call) {
  const auto etag = call.header("x-amz-object-if-match");
  if (!etag) return std::nullopt;
  return std::string(unquote_etag(*etag));
}

void add_object_version(std::optional<std::uint64_t> id, HttpResponse& head) {
  if (id) head.add("x-amz-object-version-id", version_id_text(*id));
}

std::string put_result_xml(const Call& call, std::string_view name) {
  std::string body;
  XmlWriter xml(body);
  xml.begin("PutObjectAnnotationOutput");
  xml.element("Key", call.request.key);
  xml.element("AnnotationName", name);
  xml.close("PutObjectAnnotationOutput");
  return body;
}

void write_entry(const ListedObject& annotation, XmlWriter& xml) {
  xml.open("AnnotationEntry");
  xml.element("AnnotationName", annotation.key);
  xml.element("LastModified", annotation.modified);
  xml.etag(annotation.etag);
  for (const ChecksumAlgorithm algorithm : annotation.checksum_algorithms) {
    xml.element("ChecksumAlgorithm", name_of(algorithm));
  }
  xml.element("Size", annotation.size_bytes);
  xml.close("AnnotationEntry");
}

/// What a listing asks for, as it was sent.
struct ListingOf {
  ListAnnotations query;
  std::string_view token;
};

S3Result<ListingOf> read_listing(const Call& call) {
  ListingOf listing;
  KELP_S3_TRY(listing.query.object, object_name(call));
  listing.query.prefix = call.parameter("annotation-prefix").value_or("");
  KELP_S3_CHECK(check_annotation_prefix(listing.query.prefix));
  constexpr std::string_view kLimit = "max-annotation-results";
  KELP_S3_TRY(listing.query.limit,
              number_parameter(call, kLimit, {kMaxAnnotations, kMaxAnnotations}));
  if (listing.query.limit == 0) {
    return std::unexpected(
        S3Error{S3Code::kInvalidArgument,
                "max-annotation-results must be between 1 and 1000.",
                {{"ArgumentName", std::string(kLimit)}, {"ArgumentValue", "0"}}});
  }
  listing.token = call.parameter("continuation-token").value_or("");
  if (!listing.token.empty()) {
    KELP_S3_TRY(listing.query.start_after, read_listing_token(listing.token));
  }
  return listing;
}

std::string listing_xml(const Call& call, const ListingOf& asked, const ListedAnnotations& page) {
  std::string body;
  XmlWriter xml(body);
  xml.begin("ListObjectAnnotationsOutput");
  xml.open("Annotations");
  for (const ListedObject& annotation : page.annotations) write_entry(annotation, xml);
  xml.close("Annotations");
  xml.element("Bucket", call.request.bucket);
  xml.element("Key", call.request.key);
  if (!asked.query.prefix.empty()) xml.element("AnnotationPrefix", asked.query.prefix);
  xml.element("MaxAnnotationResults", std::uint64_t{asked.query.limit});
  xml.element("AnnotationCount", std::uint64_t{page.annotations.size()});
  if (!asked.token.empty()) xml.element("ContinuationToken", asked.token);
  if (page.truncated) {
    xml.element("NextContinuationToken", make_listing_token(page.annotations.back().key));
  }
  xml.close("ListObjectAnnotationsOutput");
  return body;
}

}  // namespace

// What can be refused is refused before the body is read, but by the commit, which judges all that
// may have changed meanwhile.
Task<S3Result<void>> put_object_annotation(Call& call) {
  PutAnnotation request;
  KELP_S3_CO_TRY(request.name, annotation_name(call));
  KELP_S3_CO_TRY(request.object, object_name(call));
  KELP_S3_CO_TRY(const FoundObject found, co_await find_object(call, false));
  request.if_match = object_if_match(call);
  request.bypass_governance = bypasses_governance(call);
  KELP_S3_CO_CHECK(check_annotatable(found.entry.headers.encryption));
  KELP_S3_CO_TRY(AnnotationText payload, co_await receive_annotation(call));
  call.object_bytes = payload.text.size();
  std::optional<NeedleSink> sink;
  auto storing = store_annotation(call, found.bucket.id, found.entry.headers.encryption,
                                  std::move(payload), request, sink);
  KELP_S3_CO_CHECK(co_await std::move(storing));

  HttpResponse head = begin_response(call, 200);
  head.add("Content-Type", "application/xml");
  add_etag(request.entry, head);
  add_checksums(request.entry.checksums, head);
  add_encryption(call, request.entry.headers.encryption, head);
  std::string body = put_result_xml(call, request.name);
  const ObjectKey name = request.object;
  const auto outcome = co_await call.services.deps.filer.put_annotation(std::move(request));
  if (!outcome) {
    note_refusal(call.services.deps, outcome.error());
    co_return std::unexpected(annotation_error(outcome.error(), name));
  }
  if (outcome->full) co_return s3_error(S3Code::kAnnotationLimitExceeded);
  add_object_version(outcome->version_id, head);
  co_await reply(call, std::move(head), std::move(body));
  co_return S3Result<void>{};
}

Task<S3Result<void>> get_object_annotation(Call& call) {
  GetAnnotation request{.with_inline_body = true};
  KELP_S3_CO_TRY(request.name, annotation_name(call));
  KELP_S3_CO_TRY(request.object, object_name(call));
  KELP_S3_CO_CHECK(co_await find_object(call, false));
  auto found = co_await call.services.deps.filer.get_annotation(request);
  if (!found) co_return std::unexpected(annotation_error(found.error(), request.object));
  KELP_S3_CO_CHECK(co_await check_version(call, found->bucket, found->object));
  const ObjectEntry& entry = found->annotation;
  call.object_bytes = entry.size_bytes;
  HttpResponse head = begin_response(call, 200);
  head.add("Content-Type", "binary/octet-stream");
  head.add("Last-Modified", http_date(entry.modified));
  add_etag(entry, head);
  const auto mode = call.header("x-amz-checksum-mode");
  if (mode && equals_lower(*mode, "enabled")) add_checksums(entry.checksums, head);
  add_encryption(call, entry.headers.encryption, head);
  add_object_version(shown_version_id(found->bucket, found->object), head);
  KELP_S3_CO_TRY(AnnotationText payload, co_await read_annotation(call, *std::move(found), false));
  co_await reply(call, std::move(head), std::move(payload.text));
  co_return S3Result<void>{};
}

Task<S3Result<void>> list_object_annotations(Call& call) {
  KELP_S3_CO_TRY(const ListingOf listing, read_listing(call));
  KELP_S3_CO_CHECK(co_await find_object(call, false));
  const auto page = co_await call.services.deps.filer.list_annotations(listing.query);
  if (!page) co_return std::unexpected(annotation_error(page.error(), listing.query.object));
  KELP_S3_CO_CHECK(co_await check_version(call, page->bucket, page->object));
  HttpResponse head = begin_response(call, 200);
  head.add("Content-Type", "application/xml");
  add_object_version(shown_version_id(page->bucket, page->object), head);
  co_await reply(call, std::move(head), listing_xml(call, listing, *page));
  co_return S3Result<void>{};
}

Task<S3Result<void>> delete_object_annotation(Call& call) {
  DeleteAnnotation request;
  KELP_S3_CO_TRY(request.name, annotation_name(call));
  KELP_S3_CO_TRY(request.object, object_name(call));
  request.if_match = object_if_match(call);
  request.bypass_governance = bypasses_governance(call);
  KELP_S3_CO_CHECK(co_await find_object(call, false));
  const auto gone = co_await call.services.deps.filer.delete_annotation(request);
  if (!gone) co_return std::unexpected(annotation_error(gone.error(), request.object));
  HttpResponse head = begin_response(call, 204);
  add_object_version(gone->version_id, head);
  co_await reply(call, std::move(head), {});
  co_return S3Result<void>{};
}

}  // namespace kelp::s3
