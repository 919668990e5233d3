#include "select/moment.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <chrono>

#include "select/text.h"

namespace kelp::select {
namespace {

using namespace std::chrono;

constexpr std::int64_t kMicrosOfSecond = 1'000'000;
constexpr std::int64_t kMicrosOfMinute = 60 * kMicrosOfSecond;
constexpr std::int64_t kMicrosOfDay = 1440 * kMicrosOfMinute;

/// Local time in its parts.
struct Fields {
  year_month_day date;
  std::int64_t micros = 0;  ///< Of the day.
};

Fields fields_of(const Moment& moment) {
  const sys_time<microseconds> local{
      microseconds(moment.micros + moment.offset_minutes * kMicrosOfMinute)};
  const auto day = floor<days>(local);
  return {year_month_day(day), (local - day).count()};
}

/// Nothing past the years 1 to 9999.
std::optional<Moment> moment_of(const Fields& fields, std::int32_t offset, DatePart precision) {
  const int year = static_cast<int>(fields.date.year());
  if (!fields.date.ok() || year < 1 || year > 9999) return std::nullopt;
  const std::int64_t local =
      sys_days(fields.date).time_since_epoch().count() * kMicrosOfDay + fields.micros;
  return Moment{local - offset * kMicrosOfMinute, offset, precision};
}

/// Takes texts from the front.
struct Cursor {
  std::string_view rest;
  bool take(char c) {
    if (!rest.starts_with(c)) return false;
    rest.remove_prefix(1);
    return true;
  }
  /// Exactly `digits` digits, at most `most`.
  std::optional<unsigned> number(std::size_t digits, unsigned most) {
    if (rest.size() < digits) return std::nullopt;
    unsigned value = 0;
    for (const char c : rest.substr(0, digits)) {
      if (c < '0' || c > '9') return std::nullopt;
      value = value * 10 + static_cast<unsigned>(c - '0');
    }
    rest.remove_prefix(digits);
    return value <= most ? std::optional(value) : std::nullopt;
  }
};

/// Digits behind the point of a second, as microseconds; what is finer is cut off.
std::optional<std::int64_t> read_fraction(Cursor& cursor) {
  std::int64_t micros = 0;
  std::int64_t unit = kMicrosOfSecond / 10;
  std::size_t digits = 0;
  while (!cursor.rest.empty() && cursor.rest.front() >= '0' && cursor.rest.front() <= '9') {
    micros += (cursor.rest.front() - '0') * unit;
    unit /= 10;
    ++digits;
    cursor.rest.remove_prefix(1);
  }
  if (digits == 0) return std::nullopt;
  return micros;
}

std::optional<std::int32_t> read_offset(Cursor& cursor) {
  if (cursor.take('Z')) return 0;
  const bool minus = cursor.rest.starts_with('-');
  if (!cursor.take('+') && !cursor.take('-')) return std::nullopt;
  const auto hours = cursor.number(2, 23);
  if (!hours || !cursor.take(':')) return std::nullopt;
  const auto minutes = cursor.number(2, 59);
  if (!minutes) return std::nullopt;
  const auto offset = static_cast<std::int32_t>(*hours * 60 + *minutes);
  return minus ? -offset : offset;
}

/// The time behind the T, as microseconds of the day.
std::optional<std::int64_t> read_time(Cursor& cursor, DatePart& precision) {
  const auto hour = cursor.number(2, 23);
  if (!hour || !cursor.take(':')) return std::nullopt;
  const auto minute = cursor.number(2, 59);
  if (!minute) return std::nullopt;
  std::int64_t micros = (*hour * 60 + *minute) * kMicrosOfMinute;
  precision = DatePart::kMinute;
  if (cursor.take(':')) {
    const auto second = cursor.number(2, 59);
    if (!second) return std::nullopt;
    micros += *second * kMicrosOfSecond;
    precision = DatePart::kSecond;
    if (cursor.take('.')) {
      const auto fraction = read_fraction(cursor);
      if (!fraction) return std::nullopt;
      micros += *fraction;
    }
  }
  return micros;
}

std::int64_t months_of(const Fields& fields) {
  return static_cast<int>(fields.date.year()) * std::int64_t{12} +
         static_cast<unsigned>(fields.date.month()) - 1;
}

std::optional<Moment> add_months(std::int64_t months, const Moment& moment) {
  if (months > 120'000 || months < -120'000) return std::nullopt;
  Fields fields = fields_of(moment);
  const std::int64_t sum = months_of(fields) + months;
  if (sum < 12) return std::nullopt;
  const year_month target = year(static_cast<int>(sum / 12)) / month(unsigned(sum % 12) + 1);
  const year_month_day_last last(target.year(), month_day_last(target.month()));
  fields.date = target / std::min(fields.date.day(), last.day());
  return moment_of(fields, moment.offset_minutes, moment.precision);
}

std::int64_t micros_of(DatePart part) {
  if (part == DatePart::kDay) return kMicrosOfDay;
  if (part == DatePart::kHour) return 60 * kMicrosOfMinute;
  return part == DatePart::kMinute ? kMicrosOfMinute : kMicrosOfSecond;
}

}  // namespace

std::optional<DatePart> date_part(std::string_view word) {
  constexpr std::array<std::string_view, 8> kWords = {
      "year", "month", "day", "hour", "minute", "second", "timezone_hour", "timezone_minute"};
  for (std::size_t i = 0; i < kWords.size(); ++i) {
    if (same_word(word, kWords[i])) return static_cast<DatePart>(i);
  }
  return std::nullopt;
}

std::optional<Moment> parse_moment(std::string_view text) {
  Cursor cursor{text};
  Fields fields;
  std::int32_t offset = 0;
  DatePart precision = DatePart::kYear;
  const auto year = cursor.number(4, 9999);
  if (!year) return std::nullopt;
  unsigned month = 1;
  unsigned day = 1;
  if (cursor.take('-')) {
    const auto given = cursor.number(2, 12);
    if (!given) return std::nullopt;
    month = *given;
    precision = DatePart::kMonth;
    if (cursor.take('-')) {
      const auto given_day = cursor.number(2, 31);
      if (!given_day) return std::nullopt;
      day = *given_day;
      precision = DatePart::kDay;
    }
  }
  // A day needs no T behind it, a month and a year do.
  if (!cursor.take('T') && precision != DatePart::kDay) return std::nullopt;
  if (!cursor.rest.empty()) {
    if (precision != DatePart::kDay || !text.contains('T')) return std::nullopt;
    const auto micros = read_time(cursor, precision);
    if (!micros) return std::nullopt;
    const auto given = read_offset(cursor);
    if (!given || !cursor.rest.empty()) return std::nullopt;
    fields.micros = *micros;
    offset = *given;
  }
  fields.date = std::chrono::year(static_cast<int>(*year)) / std::chrono::month(month) /
                std::chrono::day(day);
  return moment_of(fields, offset, precision);
}

std::string moment_text(const Moment& moment) {
  const Fields fields = fields_of(moment);
  std::string text = fmt::format("{:04}", static_cast<int>(fields.date.year()));
  if (moment.precision >= DatePart::kMonth) {
    text += fmt::format("-{:02}", static_cast<unsigned>(fields.date.month()));
  }
  if (moment.precision >= DatePart::kDay) {
    text += fmt::format("-{:02}", static_cast<unsigned>(fields.date.day()));
  }
  text += 'T';
  if (moment.precision < DatePart::kHour) return text;
  const std::int64_t minutes = fields.micros / kMicrosOfMinute;
  text += fmt::format("{:02}:{:02}", minutes / 60, minutes % 60);
  if (moment.precision == DatePart::kSecond) {
    const std::int64_t micros = fields.micros % kMicrosOfMinute;
    text += fmt::format(":{:02}", micros / kMicrosOfSecond);
    if (micros % kMicrosOfSecond != 0) {
      std::string fraction = fmt::format(".{:06}", micros % kMicrosOfSecond);
      while (fraction.back() == '0') fraction.pop_back();
      text += fraction;
    }
  }
  if (moment.offset_minutes == 0) return text + 'Z';
  const int offset = std::abs(moment.offset_minutes);
  return text + fmt::format("{}{:02}:{:02}", moment.offset_minutes < 0 ? '-' : '+', offset / 60,
                            offset % 60);
}

std::optional<Moment> date_add(DatePart part, std::int64_t quantity, const Moment& moment) {
  Moment sum = moment;
  sum.precision = std::max(moment.precision, part);
  if (part > DatePart::kSecond) return std::nullopt;
  if (part <= DatePart::kMonth) {
    std::int64_t months = 0;
    if (__builtin_mul_overflow(quantity, part == DatePart::kYear ? 12 : 1, &months)) {
      return std::nullopt;
    }
    return add_months(months, sum);
  }
  std::int64_t micros = 0;
  if (__builtin_mul_overflow(quantity, micros_of(part), &micros) ||
      __builtin_add_overflow(moment.micros, micros, &sum.micros)) {
    return std::nullopt;
  }
  constexpr std::int64_t kFirst = -62'135'596'800 * kMicrosOfSecond + kMicrosOfDay;
  constexpr std::int64_t kLast = 253'402'300'800 * kMicrosOfSecond - kMicrosOfDay;
  if (sum.micros < kFirst || sum.micros >= kLast) return std::nullopt;
  return sum;
}

std::int64_t date_diff(DatePart part, const Moment& from, const Moment& to) {
  if (to < from) return -date_diff(part, to, from);
  if (part > DatePart::kMonth) return (to.micros - from.micros) / micros_of(part);
  Moment end = to;
  end.offset_minutes = from.offset_minutes;  // Both on one calendar.
  std::int64_t months = months_of(fields_of(end)) - months_of(fields_of(from));
  const auto reached = add_months(months, from);
  if (months > 0 && (!reached || end < *reached)) --months;
  return part == DatePart::kYear ? months / 12 : months;
}

std::int64_t extract(DatePart part, const Moment& moment) {
  const Fields fields = fields_of(moment);
  const std::int64_t seconds = fields.micros / kMicrosOfSecond;
  switch (part) {
    case DatePart::kYear:
      return static_cast<int>(fields.date.year());
    case DatePart::kMonth:
      return static_cast<unsigned>(fields.date.month());
    case DatePart::kDay:
      return static_cast<unsigned>(fields.date.day());
    case DatePart::kHour:
      return seconds / 3600;
    case DatePart::kMinute:
      return seconds / 60 % 60;
    case DatePart::kSecond:
      return seconds % 60;
    case DatePart::kTimezoneHour:
      return moment.offset_minutes / 60;
    case DatePart::kTimezoneMinute:
      return moment.offset_minutes % 60;
  }
  return 0;
}

}  // namespace kelp::select
