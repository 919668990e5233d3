#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "s3gw/s3_error.h"

namespace kelp::s3 {

/// A stretch of an object; what a request asks for is never empty.
struct ByteRange {
  std::uint64_t offset = 0;
  std::uint64_t size_bytes = 0;
  friend bool operator==(const ByteRange&, const ByteRange&) = default;
};

/// More in one request mean the whole object.
inline constexpr std::size_t kMaxRanges = 64;

/// What a Range header asks of an object (RFC 9110 section 14.2): its ranges of bytes, in the order
/// asked, without those that lie behind its end. None: answer with the whole object, 200; so for
/// broken syntax, for ranges that overlap and for more than kMaxRanges.
/// Errors  InvalidRange (416) with its fields when no byte of the object is meant.
[[nodiscard]] S3Result<std::vector<ByteRange>> resolve_ranges(std::string_view header,
                                                              std::uint64_t object_bytes);

/// x-amz-copy-source-range: strictly "bytes=first-last", both ends within the source.
/// Errors  InvalidArgument for another form, InvalidRange past the end of the source.
[[nodiscard]] S3Result<ByteRange> resolve_copy_range(std::string_view header,
                                                     std::uint64_t source_bytes);

}  // namespace kelp::s3
