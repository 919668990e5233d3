#include "s3gw/core/request_xml.h"

#include <array>
#include <charconv>
#include <pugixml.hpp>

#include "base/encoding.h"
#include "s3gw/core/xml_reader.h"
#include "s3gw/s3_try.h"

namespace kelp::s3 {
namespace {

constexpr std::size_t kMaxDeleteKeys = 1000;
constexpr std::size_t kMaxParts = 10'000;

struct ChecksumElement {
  std::string_view name;
  ChecksumAlgorithm algorithm;
  std::size_t value_bytes;
};
constexpr std::array<ChecksumElement, 10> kChecksumElements{{
    {"ChecksumCRC32", ChecksumAlgorithm::kCrc32, 4},
    {"ChecksumCRC32C", ChecksumAlgorithm::kCrc32c, 4},
    {"ChecksumCRC64NVME", ChecksumAlgorithm::kCrc64Nvme, 8},
    {"ChecksumSHA1", ChecksumAlgorithm::kSha1, 20},
    {"ChecksumSHA256", ChecksumAlgorithm::kSha256, 32},
    {"ChecksumSHA512", ChecksumAlgorithm::kSha512, 64},
    {"ChecksumMD5", ChecksumAlgorithm::kMd5, 16},
    {"ChecksumXXHASH64", ChecksumAlgorithm::kXxhash64, 8},
    {"ChecksumXXHASH3", ChecksumAlgorithm::kXxhash3, 8},
    {"ChecksumXXHASH128", ChecksumAlgorithm::kXxhash128, 16},
}};

S3Result<DeleteEntry> read_delete_entry(const pugi::xml_node& node) {
  DeleteEntry entry;
  bool has_key = false;
  for (const pugi::xml_node child : node.children()) {
    const std::string_view name = local_name(child);
    if (name == "Key") {
      if (has_key) return s3_error(S3Code::kMalformedXML);
      has_key = true;
      KELP_S3_TRY(entry.key, text_of(child));
    } else if (name == "VersionId") {
      KELP_S3_TRY(entry.version_id, text_of(child));
    } else if (name == "ETag") {
      KELP_S3_TRY(const std::string etag, text_of(child));
      entry.etag = unquote_etag(etag);
    } else if (name == "LastModifiedTime" || name == "Size") {
      // Conditions of directory buckets. What they forbid must not be deleted.
      return std::unexpected(S3Error{S3Code::kNotImplemented, {}, {{"Header", std::string(name)}}});
    } else {
      return s3_error(S3Code::kMalformedXML);
    }
  }
  if (entry.key.empty()) return s3_error(S3Code::kMalformedXML);
  return entry;
}

S3Result<std::uint32_t> read_part_number(const pugi::xml_node& node) {
  KELP_S3_TRY(const std::string text, text_of(node));
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) {
    return s3_error(S3Code::kMalformedXML);
  }
  if (number < 1) return s3_error(S3Code::kInvalidArgument, "PartNumber must be >= 1");
  if (number > static_cast<std::int64_t>(kMaxParts)) {
    return s3_error(S3Code::kInvalidArgument,
                    "Part number must be an integer between 1 and 10000, inclusive");
  }
  return static_cast<std::uint32_t>(number);
}

S3Result<void> read_part_child(const pugi::xml_node& child, RequestedPart& part) {
  const std::string_view name = local_name(child);
  if (name == "PartNumber") {
    KELP_S3_TRY(part.part_number, read_part_number(child));
    return {};
  }
  if (name == "ETag") {
    KELP_S3_TRY(const std::string etag, text_of(child));
    part.etag = unquote_etag(etag);
    return {};
  }
  for (const ChecksumElement& element : kChecksumElements) {
    if (name != element.name) continue;
    KELP_S3_TRY(const std::string text, text_of(child));
    if (text.empty()) return {};
    auto value = base64_decode(text);
    if (!value || value->size() != element.value_bytes) return s3_error(S3Code::kMalformedXML);
    part.checksums.push_back(
        {.algorithm = element.algorithm, .value = *std::move(value), .part_count = 0});
  }
  return {};
}

}  // namespace

std::string unquote_etag(std::string_view text) {
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') {
    text = text.substr(1, text.size() - 2);
  }
  return std::string(text);
}

S3Result<NewBucket> parse_create_bucket(std::string body) {
  NewBucket bucket;
  if (body.empty()) return bucket;
  pugi::xml_document document;
  KELP_S3_TRY(const pugi::xml_node root, parse_xml(body, document, "CreateBucketConfiguration"));
  for (const pugi::xml_node child : root.children()) {
    const std::string_view name = local_name(child);
    if (name == "LocationConstraint") {
      KELP_S3_TRY(bucket.location, text_of(child));
    } else if (name == "Bucket" || name == "Location") {
      return s3_error(S3Code::kNotImplemented, "Directory buckets are not implemented");
    } else if (name == "Tags") {
      KELP_S3_TRY(bucket.tags, read_tags(child, kMaxBucketTags));
    } else {
      return s3_error(S3Code::kMalformedXML);
    }
  }
  return bucket;
}

S3Result<bool> parse_versioning(std::string body) {
  pugi::xml_document document;
  KELP_S3_TRY(const pugi::xml_node root, parse_xml(body, document, "VersioningConfiguration"));
  KELP_S3_CHECK(check_once_each(root));
  std::string status;
  for (const pugi::xml_node child : root.children()) {
    const std::string_view name = local_name(child);
    KELP_S3_TRY(std::string text, text_of(child));
    if (name == "Status" && (text == "Enabled" || text == "Suspended")) {
      status = std::move(text);
    } else if (name == "MfaDelete" && text == "Enabled") {
      return s3_error(S3Code::kNotImplemented, "MFA delete is not implemented");
    } else if (name != "MfaDelete" || text != "Disabled") {
      return s3_error(S3Code::kMalformedXML);
    }
  }
  if (status.empty()) return s3_error(S3Code::kIllegalVersioningConfigurationException);
  return status == "Enabled";
}

S3Result<DeleteBody> parse_delete(std::string body) {
  pugi::xml_document document;
  KELP_S3_TRY(const pugi::xml_node root, parse_xml(body, document, "Delete"));
  DeleteBody request;
  for (const pugi::xml_node child : root.children()) {
    const std::string_view name = local_name(child);
    if (name == "Quiet") {
      KELP_S3_TRY(const std::string text, text_of(child));
      request.quiet = text == "true" || text == "True" || text == "1";
    } else if (name == "Object") {
      if (request.entries.size() == kMaxDeleteKeys) return s3_error(S3Code::kMalformedXML);
      KELP_S3_TRY(DeleteEntry entry, read_delete_entry(child));
      request.entries.push_back(std::move(entry));
    } else {
      return s3_error(S3Code::kMalformedXML);
    }
  }
  if (request.entries.empty()) return s3_error(S3Code::kMalformedXML);
  return request;
}

S3Result<std::vector<RequestedPart>> parse_complete_upload(std::string body) {
  if (body.empty()) return s3_error(S3Code::kInvalidRequest, "You must specify at least one part");
  pugi::xml_document document;
  KELP_S3_TRY(const pugi::xml_node root, parse_xml(body, document, "CompleteMultipartUpload"));
  std::vector<RequestedPart> parts;
  for (const pugi::xml_node child : root.children()) {
    if (local_name(child) != "Part" || parts.size() == kMaxParts) {
      return s3_error(S3Code::kMalformedXML);
    }
    RequestedPart part;
    for (const pugi::xml_node detail : child.children()) {
      KELP_S3_CHECK(read_part_child(detail, part));
    }
    if (part.part_number == 0 || part.etag.empty()) return s3_error(S3Code::kMalformedXML);
    parts.push_back(std::move(part));
  }
  if (parts.empty()) return s3_error(S3Code::kMalformedXML);
  return parts;
}

}  // namespace kelp::s3
