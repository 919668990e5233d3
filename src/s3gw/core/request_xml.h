#pragma once

#include <optional>
#include <string>
#include <vector>

#include "s3gw/core/tags.h"
#include "s3gw/s3_error.h"
#include "wire/entry.h"

namespace kelp::s3 {

/// Most bytes of a request's XML; Delete and CompleteMultipartUpload may have more.
inline constexpr std::size_t kMaxXmlBytes = 1 << 20;
inline constexpr std::size_t kMaxListXmlBytes = 4 << 20;

/// What a CreateBucketConfiguration says.
struct NewBucket {
  std::string location;  ///< LocationConstraint; empty when absent.
  Tags tags;
};

/// Reads it; an empty body says nothing. Errors: MalformedXML; those of read_tags();
/// NotImplemented for directory buckets.
[[nodiscard]] S3Result<NewBucket> parse_create_bucket(std::string body);

/// VersioningConfiguration: true for Enabled, false for Suspended. Errors: MalformedXML;
/// IllegalVersioningConfigurationException without a status; NotImplemented for MFA delete.
[[nodiscard]] S3Result<bool> parse_versioning(std::string body);

/// One key of a Delete request.
struct DeleteEntry {
  std::string key;
  std::string version_id;           ///< Empty: none.
  std::optional<std::string> etag;  ///< Delete only this; without quotes, or "*".
};

/// A Delete request.
struct DeleteBody {
  bool quiet = false;
  std::vector<DeleteEntry> entries;  ///< 1 to 1,000.
};

/// Reads it. Errors: MalformedXML, also for no key and for more than 1,000.
[[nodiscard]] S3Result<DeleteBody> parse_delete(std::string body);

/// A part as a client names it in CompleteMultipartUpload.
struct RequestedPart {
  std::uint32_t part_number = 0;    ///< 1 to 10,000.
  std::string etag;                 ///< Without quotes.
  std::vector<Checksum> checksums;  ///< Values that the client repeated.
};

/// CompleteMultipartUpload: 1 to 10,000 parts in the order given; the order is not checked here.
/// Errors: MalformedXML; InvalidArgument for a part number out of range.
[[nodiscard]] S3Result<std::vector<RequestedPart>> parse_complete_upload(std::string body);

/// `"etag"` or `etag` without its quotes.
[[nodiscard]] std::string unquote_etag(std::string_view text);

}  // namespace kelp::s3
