#pragma once

#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/http_header.h"
#include "net/http.h"
#include "s3gw/s3_error.h"
#include "wire/entry.h"

namespace kelp::s3 {

inline constexpr std::size_t kMaxUserMetadataBytes = 2048;

/// What a PutObject, CopyObject or CreateMultipartUpload attaches to its object: content type and
/// kin, user metadata, storage class, tags and lock. `aws-chunked` is dropped from the
/// Content-Encoding. Errors: MetadataTooLarge, InvalidStorageClass, InvalidTag, InvalidArgument.
[[nodiscard]] S3Result<ObjectHeaders> read_object_headers(std::span<const HttpHeader> headers);

/// The query form of tags, `a=1&b=2`: at most 10, keys of 1 to 128 characters, values of up to 256.
/// Errors: InvalidTag, InvalidArgument.
[[nodiscard]] S3Result<std::vector<std::pair<std::string, std::string>>> parse_tags(
    std::string_view query);

/// Adds what describes an object to the answer of GET and HEAD: Content-Type and kin, user
/// metadata, ETag, Last-Modified, storage class, the number of tags and the lock.
void add_object_headers(const ObjectEntry& entry, HttpResponse& response);

/// Adds `ETag: "…"`.
void add_etag(const ObjectEntry& entry, HttpResponse& response);

}  // namespace kelp::s3
