// Ranges, dates and conditions: eight bytes of object size, then the header's value.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "s3gw/core/conditions.h"
#include "s3gw/core/http_date.h"
#include "s3gw/core/range.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace kelp::s3;
  if (size < 8) return 0;
  std::uint64_t object_bytes = 0;
  std::memcpy(&object_bytes, data, 8);
  const std::string_view text(reinterpret_cast<const char*>(data) + 8, size - 8);
  const auto inside = [&](const ByteRange& range) {
    return range.size_bytes > 0 && range.offset < object_bytes &&
           range.size_bytes <= object_bytes - range.offset;
  };
  const auto ranges = resolve_ranges(text, object_bytes);
  if (ranges && !std::ranges::all_of(*ranges, inside)) std::abort();
  const auto copy = resolve_copy_range(text, object_bytes);
  if (copy && !inside(*copy)) std::abort();

  const auto date = parse_http_date(text);
  if (date && date->time_since_epoch().count() < 8'000'000'000 &&
      date->time_since_epoch().count() > -8'000'000'000 &&
      parse_http_date(http_date(*date)) != date) {
    std::abort();
  }
  const auto basic = parse_basic_date(text);
  if (basic && parse_basic_date(basic_date(*basic)) != basic) std::abort();
  if (etag_list_matches(text, "abc", false) && !etag_list_matches(text, "abc", true)) std::abort();
  return 0;
}
