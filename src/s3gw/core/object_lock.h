#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/http_header.h"
#include "s3gw/core/xml_writer.h"
#include "s3gw/s3_error.h"
#include "wire/object_lock.h"

namespace kelp::s3 {

/// Reads x-amz-object-lock-… into `lock`; other headers leave it as it is. InvalidArgument, with
/// AWS's texts.
[[nodiscard]] S3Result<void> read_lock_header(const HttpHeader& header, ObjectLock& lock);
/// That mode and date came together, and that the date is to come: InvalidArgument.
[[nodiscard]] S3Result<void> check_retention(const Retention& retention, WallTime now);

/// A Retention document; an empty one is a retention without a mode. MalformedXML, and as
/// check_retention().
[[nodiscard]] S3Result<Retention> parse_retention(std::string body, WallTime now);
/// A LegalHold document. MalformedXML.
[[nodiscard]] S3Result<LegalHold> parse_legal_hold(std::string body);
/// An ObjectLockConfiguration. MalformedXML; InvalidRetentionPeriod for a period of 0 or beyond 100
/// years.
[[nodiscard]] S3Result<BucketLock> parse_bucket_lock(std::string body);

/// Writes what is inside the document of that name.
void write_retention(const Retention& retention, XmlWriter& xml);
/// As write_retention().
void write_legal_hold(LegalHold hold, XmlWriter& xml);
/// As write_retention(): of ObjectLockConfiguration.
void write_bucket_lock(const BucketLock& lock, XmlWriter& xml);
/// The x-amz-object-lock-… lines of the answer of GET and HEAD: names and values.
[[nodiscard]] std::vector<std::pair<std::string_view, std::string>> lock_headers(
    const ObjectLock& lock);

}  // namespace kelp::s3
