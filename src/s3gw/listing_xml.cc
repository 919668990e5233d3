#include "s3gw/listing_xml.h"

#include "base/encoding.h"
#include "s3gw/core/checksum.h"
#include "s3gw/core/listing_token.h"
#include "s3gw/core/xml_writer.h"

namespace kelp::s3 {
namespace {

constexpr std::size_t kBytesPerObject = 400;

/// Writes names of objects as encoding-type asks for.
class NameWriter {
 public:
  NameWriter(XmlWriter& xml, bool url_encoding) : xml_(xml), url_encoding_(url_encoding) {}
  void element(std::string_view tag, std::string_view name) {
    if (url_encoding_) {
      xml_.element(tag, url_encode(name, true));
    } else {
      xml_.element(tag, name);
    }
  }

 private:
  XmlWriter& xml_;
  bool url_encoding_;
};

void write_owner(XmlWriter& xml, std::string_view tag, const OwnerNames& owner) {
  xml.open(tag);
  xml.element("ID", owner.id);
  xml.element("DisplayName", owner.display_name);
  xml.close(tag);
}

std::string_view storage_class_of(std::string_view stored) {
  return stored.empty() ? std::string_view("STANDARD") : stored;
}

void write_object(XmlWriter& xml, NameWriter& names, const ListedObject& object,
                  const OwnerNames* owner) {
  names.element("Key", object.key);
  xml.element("LastModified", object.modified);
  xml.etag(object.etag);
  for (const ChecksumAlgorithm algorithm : object.checksum_algorithms) {
    xml.element("ChecksumAlgorithm", name_of(algorithm));
  }
  if (!object.checksum_algorithms.empty()) {
    xml.element("ChecksumType", name_of(object.checksum_type));
  }
  xml.element("Size", object.size_bytes);
  if (owner != nullptr) write_owner(xml, "Owner", *owner);
  xml.element("StorageClass", storage_class_of(object.storage_class));
}

void write_common_prefixes(XmlWriter& xml, NameWriter& names,
                           const std::vector<std::string>& prefixes) {
  for (const std::string& prefix : prefixes) {
    xml.open("CommonPrefixes");
    names.element("Prefix", prefix);
    xml.close("CommonPrefixes");
  }
}

std::string reserve_for(const ListedPage& page) {
  std::string body;
  body.reserve(1024 + kBytesPerObject * (page.objects.size() + page.common_prefixes.size()));
  return body;
}

void write_contents(XmlWriter& xml, NameWriter& names, const ListedPage& page,
                    const OwnerNames* owner) {
  for (const ListedObject& object : page.objects) {
    xml.open("Contents");
    write_object(xml, names, object, owner);
    xml.close("Contents");
  }
  write_common_prefixes(xml, names, page.common_prefixes);
}

void write_part(XmlWriter& xml, const ListedPart& part) {
  xml.open("Part");
  xml.element("PartNumber", std::uint64_t{part.part_number});
  xml.element("LastModified", part.modified);
  xml.etag(hex_encode(part.md5));
  xml.element("Size", part.size_bytes);
  for (const Checksum& checksum : part.checksums) {
    xml.element(checksum_element(checksum.algorithm), checksum_text(checksum));
  }
  xml.close("Part");
}

}  // namespace

std::string list_objects_xml(const ListedPage& page, const ListingEcho& echo,
                             std::string_view marker, const OwnerNames& owner) {
  std::string body = reserve_for(page);
  XmlWriter xml(body);
  NameWriter names(xml, echo.url_encoding);
  xml.begin("ListBucketResult");
  xml.element("Name", echo.bucket);
  names.element("Prefix", echo.prefix);
  names.element("Marker", marker);
  if (page.truncated && !echo.delimiter.empty()) names.element("NextMarker", page.next);
  xml.element("MaxKeys", std::uint64_t{echo.max_keys});
  if (!echo.delimiter.empty()) names.element("Delimiter", echo.delimiter);
  if (echo.url_encoding) xml.element("EncodingType", "url");
  xml.element("IsTruncated", page.truncated);
  write_contents(xml, names, page, &owner);
  xml.close("ListBucketResult");
  return body;
}

std::string list_objects_v2_xml(const ListedPage& page, const ListingEcho& echo,
                                const ListingV2Echo& v2, const OwnerNames& owner) {
  std::string body = reserve_for(page);
  XmlWriter xml(body);
  NameWriter names(xml, echo.url_encoding);
  xml.begin("ListBucketResult");
  xml.element("Name", echo.bucket);
  names.element("Prefix", echo.prefix);
  if (v2.continuation_token) xml.element("ContinuationToken", *v2.continuation_token);
  if (page.truncated) xml.element("NextContinuationToken", make_listing_token(page.next));
  if (!v2.start_after.empty()) names.element("StartAfter", v2.start_after);
  xml.element("KeyCount", std::uint64_t{page.objects.size() + page.common_prefixes.size()});
  xml.element("MaxKeys", std::uint64_t{echo.max_keys});
  if (!echo.delimiter.empty()) names.element("Delimiter", echo.delimiter);
  if (echo.url_encoding) xml.element("EncodingType", "url");
  xml.element("IsTruncated", page.truncated);
  write_contents(xml, names, page, v2.fetch_owner ? &owner : nullptr);
  xml.close("ListBucketResult");
  return body;
}

std::string list_versions_xml(const ListedPage& page, const ListingEcho& echo,
                              std::string_view key_marker, const OwnerNames& owner) {
  std::string body = reserve_for(page);
  XmlWriter xml(body);
  NameWriter names(xml, echo.url_encoding);
  xml.begin("ListVersionsResult");
  xml.element("Name", echo.bucket);
  names.element("Prefix", echo.prefix);
  names.element("KeyMarker", key_marker);
  xml.element("VersionIdMarker", "");
  if (page.truncated) {
    names.element("NextKeyMarker", page.next);
    xml.element("NextVersionIdMarker", "null");
  }
  xml.element("MaxKeys", std::uint64_t{echo.max_keys});
  if (!echo.delimiter.empty()) names.element("Delimiter", echo.delimiter);
  if (echo.url_encoding) xml.element("EncodingType", "url");
  xml.element("IsTruncated", page.truncated);
  for (const ListedObject& object : page.objects) {
    xml.open("Version");
    xml.element("VersionId", "null");
    xml.element("IsLatest", true);
    write_object(xml, names, object, &owner);
    xml.close("Version");
  }
  write_common_prefixes(xml, names, page.common_prefixes);
  xml.close("ListVersionsResult");
  return body;
}

std::string list_uploads_xml(const ListedUploads& page, const ListingEcho& echo,
                             std::string_view key_marker, std::string_view upload_id_marker,
                             const OwnerNames& owner) {
  std::string body;
  body.reserve(1024 + kBytesPerObject * 2 * page.uploads.size());
  XmlWriter xml(body);
  NameWriter names(xml, echo.url_encoding);
  xml.begin("ListMultipartUploadsResult");
  xml.element("Bucket", echo.bucket);
  names.element("KeyMarker", key_marker);
  xml.element("UploadIdMarker", upload_id_marker);
  if (page.truncated) {
    names.element("NextKeyMarker", page.next_key_marker);
    xml.element("NextUploadIdMarker", page.next_upload_id_marker);
  }
  names.element("Prefix", echo.prefix);
  if (!echo.delimiter.empty()) names.element("Delimiter", echo.delimiter);
  if (echo.url_encoding) xml.element("EncodingType", "url");
  xml.element("MaxUploads", std::uint64_t{echo.max_keys});
  xml.element("IsTruncated", page.truncated);
  for (const UploadInfo& upload : page.uploads) {
    xml.open("Upload");
    names.element("Key", upload.key);
    xml.element("UploadId", upload.upload_id);
    write_owner(xml, "Initiator", owner);
    write_owner(xml, "Owner", owner);
    xml.element("StorageClass", storage_class_of(upload.headers.storage_class));
    xml.element("Initiated", upload.created);
    if (upload.checksum_algorithm) {
      xml.element("ChecksumAlgorithm", name_of(*upload.checksum_algorithm));
      xml.element("ChecksumType", name_of(upload.checksum_type));
    }
    xml.close("Upload");
  }
  write_common_prefixes(xml, names, page.common_prefixes);
  xml.close("ListMultipartUploadsResult");
  return body;
}

std::string list_parts_xml(const ListedParts& page, const PartsEcho& echo,
                           const OwnerNames& owner) {
  std::string body;
  body.reserve(1024 + kBytesPerObject * page.parts.size());
  XmlWriter xml(body);
  NameWriter names(xml, echo.url_encoding);
  xml.begin("ListPartsResult");
  xml.element("Bucket", echo.bucket);
  names.element("Key", echo.key);
  xml.element("UploadId", page.upload.upload_id);
  write_owner(xml, "Initiator", owner);
  write_owner(xml, "Owner", owner);
  xml.element("StorageClass", storage_class_of(page.upload.headers.storage_class));
  xml.element("PartNumberMarker", std::uint64_t{echo.after_part});
  const std::uint32_t last = page.parts.empty() ? 0 : page.parts.back().part_number;
  xml.element("NextPartNumberMarker", std::uint64_t{last});
  xml.element("MaxParts", std::uint64_t{echo.max_parts});
  if (echo.url_encoding) xml.element("EncodingType", "url");
  xml.element("IsTruncated", page.truncated);
  if (page.upload.checksum_algorithm) {
    xml.element("ChecksumAlgorithm", name_of(*page.upload.checksum_algorithm));
    xml.element("ChecksumType", name_of(page.upload.checksum_type));
  }
  for (const ListedPart& part : page.parts) write_part(xml, part);
  xml.close("ListPartsResult");
  return body;
}

std::string list_buckets_xml(const ListedBuckets& page, std::string_view prefix,
                             std::string_view next_token, const OwnerNames& owner) {
  std::string body;
  body.reserve(512 + 200 * page.buckets.size());
  XmlWriter xml(body);
  xml.begin("ListAllMyBucketsResult");
  write_owner(xml, "Owner", owner);
  xml.open("Buckets");
  for (const BucketEntry& bucket : page.buckets) {
    xml.open("Bucket");
    xml.element("Name", bucket.name);
    xml.element("CreationDate", bucket.created);
    xml.element("BucketRegion",
                bucket.region.empty() ? std::string_view("us-east-1") : bucket.region);
    xml.close("Bucket");
  }
  xml.close("Buckets");
  if (!prefix.empty()) xml.element("Prefix", prefix);
  if (!next_token.empty()) xml.element("ContinuationToken", next_token);
  xml.close("ListAllMyBucketsResult");
  return body;
}

std::string_view checksum_element(ChecksumAlgorithm algorithm) {
  switch (algorithm) {
    case ChecksumAlgorithm::kCrc32:
      return "ChecksumCRC32";
    case ChecksumAlgorithm::kCrc32c:
      return "ChecksumCRC32C";
    case ChecksumAlgorithm::kCrc64Nvme:
      return "ChecksumCRC64NVME";
    case ChecksumAlgorithm::kSha1:
      return "ChecksumSHA1";
    case ChecksumAlgorithm::kSha256:
      return "ChecksumSHA256";
  }
  return "Checksum";
}

}  // namespace kelp::s3
