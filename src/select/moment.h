#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "select/failure.h"

namespace kelp::select {

/// What a date function counts in, and how much of a timestamp was given.
enum class DatePart : std::uint8_t {
  kYear,
  kMonth,
  kDay,
  kHour,
  kMinute,
  kSecond,
  kTimezoneHour,
  kTimezoneMinute,
};

/// The part that a word names, in any case.
[[nodiscard]] std::optional<DatePart> date_part(std::string_view word);

/// A timestamp as SQL sees it: a point in time, the offset that it was written with, and how
/// precisely. Years 1 to 9999.
struct Moment {
  std::int64_t micros = 0;          ///< Since 1970, UTC.
  std::int32_t offset_minutes = 0;  ///< Local time is UTC plus this.
  DatePart precision = DatePart::kSecond;
  friend bool operator==(const Moment& a, const Moment& b) { return a.micros == b.micros; }
  friend auto operator<=>(const Moment& a, const Moment& b) { return a.micros <=> b.micros; }
};

/// A timestamp of Amazon Ion: "2010T", "2010-02T", "2010-02-03", "2010-02-03T04:05Z",
/// "2010-02-03T04:05:06.789+01:00". Nothing for another text.
[[nodiscard]] std::optional<Moment> parse_moment(std::string_view text);
/// The same form.
[[nodiscard]] std::string moment_text(const Moment& moment);

/// `moment` plus `quantity` parts; of months the day is cut to the month's last. Nothing past the
/// years that there are, or for a part of the time zone.
[[nodiscard]] std::optional<Moment> date_add(DatePart part, std::int64_t quantity,
                                             const Moment& moment);
/// How many whole parts lie between the two; negative when `to` is before `from`.
[[nodiscard]] std::int64_t date_diff(DatePart part, const Moment& from, const Moment& to);
/// A part of the local time.
[[nodiscard]] std::int64_t extract(DatePart part, const Moment& moment);

/// TO_STRING: `pattern` as in "TO_STRING" of the S3 user guide.
/// Errors  EvaluatorInvalidTimestampFormatPatternSymbol,
///         EvaluatorUnterminatedTimestampFormatPatternToken.
[[nodiscard]] Outcome<std::string> format_moment(const Moment& moment, std::string_view pattern);

}  // namespace kelp::select
