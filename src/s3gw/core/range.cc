#include "s3gw/core/range.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <string>

#include "s3gw/core/header_text.h"

namespace kelp::s3 {
namespace {

constexpr std::uint64_t kHuge = std::numeric_limits<std::uint64_t>::max();

// Digits only; a number too large for any object stays the largest.
std::optional<std::uint64_t> parse_number(std::string_view text) {
  if (text.empty()) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    value = value > (kHuge - digit) / 10 ? kHuge : value * 10 + digit;
  }
  return value;
}

std::unexpected<S3Error> unsatisfiable(std::string_view header, std::uint64_t object_bytes) {
  return std::unexpected(S3Error{S3Code::kInvalidRange,
                                 {},
                                 {{"RangeRequested", std::string(header.substr(0, 128))},
                                  {"ActualObjectSize", std::to_string(object_bytes)}}});
}

/// One range of a header: of size 0 when it means no byte of the object, nothing when it is none.
std::optional<ByteRange> parse_range(std::string_view text, std::uint64_t object_bytes) {
  if (text.find('-') == std::string_view::npos) return std::nullopt;
  const std::string_view first_text = cut(text, '-');
  const auto last = parse_number(text);
  if (first_text.empty()) {
    if (!last) return std::nullopt;
    const std::uint64_t size = std::min(*last, object_bytes);
    return ByteRange{.offset = object_bytes - size, .size_bytes = size};
  }
  const auto first = parse_number(first_text);
  if (!first || (!last && !text.empty()) || (last && *last < *first)) return std::nullopt;
  if (*first >= object_bytes) return ByteRange{};
  const std::uint64_t end = std::min(last.value_or(kHuge), object_bytes - 1);
  return ByteRange{.offset = *first, .size_bytes = end - *first + 1};
}

bool overlap(std::vector<ByteRange> ranges) {
  std::ranges::sort(ranges, {}, &ByteRange::offset);
  return std::ranges::adjacent_find(ranges, [](const ByteRange& one, const ByteRange& next) {
           return one.offset + one.size_bytes > next.offset;
         }) != ranges.end();
}

}  // namespace

S3Result<std::vector<ByteRange>> resolve_ranges(std::string_view header,
                                                std::uint64_t object_bytes) {
  std::string_view rest = trimmed(header);
  std::vector<ByteRange> ranges;
  if (!starts_with_lower(rest, "bytes=")) return ranges;
  rest.remove_prefix(6);
  for (std::size_t count = 0; count == 0 || !rest.empty(); ++count) {
    const auto range = parse_range(trimmed(cut(rest, ',')), object_bytes);
    if (!range || count == kMaxRanges) return std::vector<ByteRange>{};
    if (range->size_bytes > 0) ranges.push_back(*range);
  }
  if (ranges.empty()) return unsatisfiable(header, object_bytes);
  if (ranges.size() > 1 && overlap(ranges)) ranges.clear();
  return ranges;
}

S3Result<ByteRange> resolve_copy_range(std::string_view header, std::uint64_t source_bytes) {
  std::string_view rest = header;
  const bool unit = starts_with_lower(rest, "bytes=");
  rest.remove_prefix(unit ? 6 : 0);
  const auto first = parse_number(cut(rest, '-'));
  const auto last = parse_number(rest);
  if (!unit || !first || !last || *last < *first) {
    return std::unexpected(
        S3Error{S3Code::kInvalidArgument,
                "The x-amz-copy-source-range value must be of the form bytes=first-last where "
                "first and last are the zero-based offsets of the first and last bytes to copy",
                {{"ArgumentName", "x-amz-copy-source-range"},
                 {"ArgumentValue", std::string(header.substr(0, 128))}}});
  }
  if (*last >= source_bytes) {
    return s3_error(
        S3Code::kInvalidRange,
        "Range specified is not valid for source object of size: " + std::to_string(source_bytes));
  }
  return ByteRange{.offset = *first, .size_bytes = *last - *first + 1};
}

}  // namespace kelp::s3
