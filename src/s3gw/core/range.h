#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "s3gw/s3_error.h"

namespace kelp::s3 {

/// A stretch of an object; what a request asks for is never empty.
struct ByteRange {
  std::uint64_t offset = 0;
  std::uint64_t size_bytes = 0;
  friend bool operator==(const ByteRange&, const ByteRange&) = default;
};

/// What a Range header asks of an object (RFC 9110 section 14.2, as S3 does it): one range of
/// bytes. Nothing: answer with the whole object, 200; so are several ranges and broken syntax.
/// Errors  InvalidRange (416) with its fields when no byte of the object is meant.
[[nodiscard]] S3Result<std::optional<ByteRange>> resolve_range(std::string_view header,
                                                               std::uint64_t object_bytes);

/// x-amz-copy-source-range: strictly "bytes=first-last", both ends within the source.
/// Errors  InvalidArgument for another form, InvalidRange past the end of the source.
[[nodiscard]] S3Result<ByteRange> resolve_copy_range(std::string_view header,
                                                     std::uint64_t source_bytes);

}  // namespace kelp::s3
