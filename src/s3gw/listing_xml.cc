#include "s3gw/listing_xml.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/encoding.h"
#include "s3gw/core/bucket_arn.h"
#include "s3gw/core/checksum.h"
#include "s3gw/core/http_date.h"
#include "s3gw/core/listing_token.h"
#include "s3gw/core/version_id.h"
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

/// Who initiated an upload is not kept beside whose it is.
void write_owners(XmlWriter& xml, const OwnerNames& owner) {
  write_owner(xml, "Initiator", owner);
  write_owner(xml, "Owner", owner);
}

std::string_view storage_class_of(std::string_view stored) {
  return stored.empty() ? std::string_view("STANDARD") : stored;
}

/// Writes objects: a page has a thousand, so each is a few growths of the text.
class ObjectWriter {
 public:
  /// `begin` and `end` stand around an object; no owner is written when `owners` is null.
  ObjectWriter(std::string& out, bool url_encoding, const Owners* owners, std::string_view begin,
               std::string_view end)
      : out_(out), url_encoding_(url_encoding), owners_(owners), begin_(begin), end_(end) {}

  /// `restore` is XML that says whether it is restored; or nothing.
  void write(const ListedObject& object, std::string_view restore) {
    out_.append(begin_).append("<Key>");
    if (url_encoding_) {
      append_escaped(out_, url_encode(object.key, true));
    } else {
      append_escaped(out_, object.key);
    }
    write_facts(object);
    write_owner_of(object);
    if (object.storage_class.empty()) {
      out_.append("<StorageClass>STANDARD</StorageClass>");
    } else {
      XmlWriter(out_).element("StorageClass", object.storage_class);
    }
    out_.append(restore).append(end_);
  }

 private:
  /// Puts bytes behind each other into memory that is large enough.
  class Line {
   public:
    explicit Line(char* begin) : end_(begin) {}
    void text(std::string_view text) { end_ = std::ranges::copy(text, end_).out; }
    void time(WallTime time) { end_ = put_iso8601(time, end_); }
    void number(std::uint64_t number) { end_ = std::to_chars(end_, end_ + 20, number).ptr; }
    [[nodiscard]] char* end() const { return end_; }

   private:
    char* end_;
  };

  /// Neighbours mostly have one owner, so its text is kept.
  void write_owner_of(const ListedObject& object) {
    if (owners_ == nullptr) return;
    if (owner_.empty() || object.owner_id != owner_id_) {
      owner_id_ = object.owner_id;
      owner_.clear();
      XmlWriter xml(owner_);
      write_owner(xml, "Owner", owners_->of(owner_id_));
    }
    out_.append(owner_);
  }

  /// What follows the key, up to the size: of bounded length, but for a strange ETag.
  void write_facts(const ListedObject& object) {
    std::array<char, 1024> bytes;
    Line line(bytes.data());
    line.text("</Key><LastModified>");
    line.time(object.modified);
    line.text("</LastModified><ETag>&quot;");
    if (object.etag.size() <= kLongestEtag) {
      line.text(object.etag);
    } else {
      out_.append(bytes.data(), line.end()).append(object.etag);
      line = Line(bytes.data());
    }
    line.text("&quot;</ETag>");
    const auto shown = std::min(object.checksum_algorithms.size(), kMostChecksums);
    for (std::size_t i = 0; i < shown; ++i) {
      line.text("<ChecksumAlgorithm>");
      line.text(name_of(object.checksum_algorithms[i]));
      line.text("</ChecksumAlgorithm>");
    }
    if (shown > 0) {
      line.text("<ChecksumType>");
      line.text(name_of(object.checksum_type));
      line.text("</ChecksumType>");
    }
    line.text("<Size>");
    line.number(object.size_bytes);
    line.text("</Size>");
    out_.append(bytes.data(), line.end());
  }

  static constexpr std::size_t kLongestEtag = 256;
  static constexpr std::size_t kMostChecksums = 10;  // One of each algorithm.
  std::string& out_;
  const bool url_encoding_;
  const Owners* const owners_;
  const std::string_view begin_;
  const std::string_view end_;
  std::string_view owner_id_;  ///< Of the object before,
  std::string owner_;          ///< and as it is written.
};

void write_common_prefixes(XmlWriter& xml, NameWriter& names,
                           const std::vector<std::string>& prefixes) {
  for (const std::string& prefix : prefixes) {
    xml.open("CommonPrefixes");
    names.element("Prefix", prefix);
    xml.close("CommonPrefixes");
  }
}

/// Of the object at `index` of the page.
std::string_view restore_of(const ListingEcho& echo, std::size_t index) {
  return index < echo.restores.size() ? std::string_view(echo.restores[index]) : "";
}

std::string reserve_for(const ListedPage& page) {
  std::string body;
  body.reserve(1024 + kBytesPerObject * (page.objects.size() + page.common_prefixes.size()));
  return body;
}

void write_contents(std::string& body, NameWriter& names, const ListedPage& page,
                    const ListingEcho& echo, const Owners* owners) {
  ObjectWriter objects(body, echo.url_encoding, owners, "<Contents>", "</Contents>");
  for (std::size_t i = 0; i < page.objects.size(); ++i) {
    objects.write(page.objects[i], restore_of(echo, i));
  }
  XmlWriter xml(body);
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

OwnerNames Owners::of(std::string_view id) const {
  if (id.empty() || id == bucket.id) return bucket;
  return {.id = id, .display_name = name_of ? name_of(id) : id};
}

std::string list_objects_xml(const ListedPage& page, const ListingEcho& echo,
                             std::string_view marker, const Owners& owners) {
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
  write_contents(body, names, page, echo, &owners);
  xml.close("ListBucketResult");
  return body;
}

std::string list_objects_v2_xml(const ListedPage& page, const ListingEcho& echo,
                                const ListingV2Echo& v2, const Owners& owners) {
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
  write_contents(body, names, page, echo, v2.fetch_owner ? &owners : nullptr);
  xml.close("ListBucketResult");
  return body;
}

std::string list_versions_xml(const ListedVersions& page, const ListingEcho& echo,
                              const VersionsEcho& markers, const Owners& owners) {
  std::string body;
  body.reserve(1024 + kBytesPerObject * (page.versions.size() + page.common_prefixes.size()));
  XmlWriter xml(body);
  NameWriter names(xml, echo.url_encoding);
  xml.begin("ListVersionsResult");
  xml.element("Name", echo.bucket);
  names.element("Prefix", echo.prefix);
  names.element("KeyMarker", markers.key_marker);
  xml.element("VersionIdMarker", markers.version_id_marker);
  if (page.truncated) {
    names.element("NextKeyMarker", page.next_key);
    if (page.next_version_id) {
      xml.element("NextVersionIdMarker", version_id_text(*page.next_version_id));
    }
  }
  xml.element("MaxKeys", std::uint64_t{echo.max_keys});
  if (!echo.delimiter.empty()) names.element("Delimiter", echo.delimiter);
  if (echo.url_encoding) xml.element("EncodingType", "url");
  xml.element("IsTruncated", page.truncated);
  ObjectWriter objects(body, echo.url_encoding, &owners, "", "</Version>");
  for (std::size_t i = 0; i < page.versions.size(); ++i) {
    const ListedVersion& version = page.versions[i];
    xml.raw(version.delete_marker ? "<DeleteMarker>" : "<Version>");
    xml.element("VersionId", version_id_text(version.version_id));
    xml.element("IsLatest", version.is_latest);
    if (!version.delete_marker) {
      objects.write(version.object, restore_of(echo, i));
      continue;
    }
    names.element("Key", version.object.key);
    xml.element("LastModified", version.object.modified);
    write_owner(xml, "Owner", owners.of(version.object.owner_id));
    xml.close("DeleteMarker");
  }
  write_common_prefixes(xml, names, page.common_prefixes);
  xml.close("ListVersionsResult");
  return body;
}

std::string list_uploads_xml(const ListedUploads& page, const ListingEcho& echo,
                             std::string_view key_marker, std::string_view upload_id_marker,
                             const Owners& owners) {
  std::string body;
  body.reserve(1024 + kBytesPerObject * 2 * page.uploads.size());
  XmlWriter xml(body);
  NameWriter names(xml, echo.url_encoding);
  xml.begin("ListMultipartUploadsResult");
  xml.element("Bucket", echo.bucket);
  names.element("KeyMarker", key_marker);
  xml.element("UploadIdMarker", upload_id_marker);
  // AWS tells where a listing ends on its last page, too.
  if (page.truncated) {
    names.element("NextKeyMarker", page.next_key_marker);
    xml.element("NextUploadIdMarker", page.next_upload_id_marker);
  } else if (!page.uploads.empty()) {
    names.element("NextKeyMarker", page.uploads.back().key);
    xml.element("NextUploadIdMarker", page.uploads.back().upload_id);
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
    write_owners(xml, owners.of(upload.owner_id));
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

std::string list_parts_xml(const ListedParts& page, const PartsEcho& echo, const Owners& owners) {
  std::string body;
  body.reserve(1024 + kBytesPerObject * page.parts.size());
  XmlWriter xml(body);
  NameWriter names(xml, echo.url_encoding);
  xml.begin("ListPartsResult");
  xml.element("Bucket", echo.bucket);
  names.element("Key", echo.key);
  xml.element("UploadId", page.upload.upload_id);
  write_owners(xml, owners.of(page.upload.owner_id));
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
    xml.element("BucketArn", bucket_arn(bucket.name));
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
    case ChecksumAlgorithm::kSha512:
      return "ChecksumSHA512";
    case ChecksumAlgorithm::kMd5:
      return "ChecksumMD5";
    case ChecksumAlgorithm::kXxhash64:
      return "ChecksumXXHASH64";
    case ChecksumAlgorithm::kXxhash3:
      return "ChecksumXXHASH3";
    case ChecksumAlgorithm::kXxhash128:
      return "ChecksumXXHASH128";
  }
  return "Checksum";
}

}  // namespace kelp::s3
