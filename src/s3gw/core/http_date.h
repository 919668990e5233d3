#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace kelp::s3 {

/// A date in one of the three forms of RFC 9110 section 5.6.7 (IMF-fixdate, RFC 850, asctime);
/// nothing when it is none of them or no such day exists. A two-digit year is taken as 1970 to
/// 2069.
[[nodiscard]] std::optional<std::chrono::sys_seconds> parse_http_date(std::string_view text);

/// A moment in ISO 8601: "2013-05-24T00:00:00Z", with a fraction of a second or not, and `Z` or an
/// offset like +01:00; nothing otherwise.
[[nodiscard]] std::optional<WallTime> parse_iso8601(std::string_view text);

/// "20130524T000000Z", as SigV4 writes times; nothing otherwise.
[[nodiscard]] std::optional<std::chrono::sys_seconds> parse_basic_date(std::string_view text);
/// The reverse of parse_basic_date(), 16 characters for the years 0 to 9999.
[[nodiscard]] std::string basic_date(std::chrono::sys_seconds time);

/// Appends "Fri, 24 May 2013 00:00:00 GMT" (Last-Modified); fractions of a second are dropped.
void append_http_date(WallTime time, std::string& out);
[[nodiscard]] std::string http_date(WallTime time);

/// Appends "2013-05-24T00:00:00.000Z", the form of dates in S3's XML. The fraction is always zero,
/// so that a listing and Last-Modified name the same moment.
void append_iso8601(WallTime time, std::string& out);
/// Puts the same, kIso8601Bytes of it, at `out`; returns its end.
[[nodiscard]] char* put_iso8601(WallTime time, char* out);
inline constexpr std::size_t kIso8601Bytes = 24;
/// "2013-05-24T00:00:00Z", the form of dates in S3's error fields.
[[nodiscard]] std::string iso8601_seconds(std::chrono::sys_seconds time);

}  // namespace kelp::s3
