#include "s3gw/core/http_date.h"

#include <array>
#include <cstdint>

#include "s3gw/core/header_text.h"

namespace kelp::s3 {
namespace {

using std::chrono::sys_days;
using std::chrono::sys_seconds;

constexpr std::array<std::string_view, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 7> kLongDays = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                       "Thursday", "Friday", "Saturday"};
constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

// Takes a date apart from the left; the first thing that does not fit latches failed().
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  int number(std::size_t digits) {
    if (rest_.size() < digits) return fail();
    int value = 0;
    for (std::size_t i = 0; i < digits; ++i) {
      if (rest_[i] < '0' || rest_[i] > '9') return fail();
      value = value * 10 + (rest_[i] - '0');
    }
    rest_.remove_prefix(digits);
    return value;
  }
  // asctime's day: two digits, or a space and one.
  int padded_number() {
    if (!rest_.starts_with(' ')) return number(2);
    rest_.remove_prefix(1);
    return number(1);
  }
  void literal(std::string_view text) {
    if (rest_.starts_with(text)) {
      rest_.remove_prefix(text.size());
    } else {
      fail();
    }
  }
  template <std::size_t N>
  int one_of(const std::array<std::string_view, N>& names) {
    for (std::size_t i = 0; i < N; ++i) {
      if (!rest_.starts_with(names[i])) continue;
      rest_.remove_prefix(names[i].size());
      return static_cast<int>(i);
    }
    return fail();
  }
  bool take(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  // The digits of a fraction, as billionths.
  std::int64_t fraction() {
    std::int64_t value = 0;
    int digits = 0;
    for (; !rest_.empty() && rest_[0] >= '0' && rest_[0] <= '9'; rest_.remove_prefix(1)) {
      if (digits++ < 9) value = value * 10 + (rest_[0] - '0');
    }
    if (digits == 0) return fail();
    for (; digits < 9; ++digits) value *= 10;
    return value;
  }
  [[nodiscard]] bool done() const { return !failed_ && rest_.empty(); }

 private:
  int fail() {
    failed_ = true;
    rest_ = {};
    return 0;
  }
  std::string_view rest_;
  bool failed_ = false;
};

struct Fields {
  int year = 0;
  int month = 0;  // from 0
  int day = 0;
  int hour = 0;
  int minute = 0;
  int second = 0;

  void time(Scanner& in) {
    hour = in.number(2);
    in.literal(":");
    minute = in.number(2);
    in.literal(":");
    second = in.number(2);
  }
  // A leap second (60) is allowed by the grammar and counts as the next second.
  [[nodiscard]] std::optional<sys_seconds> value() const {
    const std::chrono::year_month_day date(std::chrono::year(year),
                                           std::chrono::month(static_cast<unsigned>(month) + 1),
                                           std::chrono::day(static_cast<unsigned>(day)));
    if (!date.ok() || hour > 23 || minute > 59 || second > 60) return std::nullopt;
    return sys_days(date) + std::chrono::hours(hour) + std::chrono::minutes(minute) +
           std::chrono::seconds(second);
  }
};

std::optional<sys_seconds> parse_imf(std::string_view text) {
  Scanner in(text);
  Fields fields;
  in.one_of(kDays);
  in.literal(", ");
  fields.day = in.number(2);
  in.literal(" ");
  fields.month = in.one_of(kMonths);
  in.literal(" ");
  fields.year = in.number(4);
  in.literal(" ");
  fields.time(in);
  in.literal(" GMT");
  return in.done() ? fields.value() : std::nullopt;
}

std::optional<sys_seconds> parse_rfc850(std::string_view text) {
  Scanner in(text);
  Fields fields;
  in.one_of(kLongDays);
  in.literal(", ");
  fields.day = in.number(2);
  in.literal("-");
  fields.month = in.one_of(kMonths);
  in.literal("-");
  fields.year = in.number(2);
  fields.year += fields.year < 70 ? 2000 : 1900;
  in.literal(" ");
  fields.time(in);
  in.literal(" GMT");
  return in.done() ? fields.value() : std::nullopt;
}

std::optional<sys_seconds> parse_asctime(std::string_view text) {
  Scanner in(text);
  Fields fields;
  in.one_of(kDays);
  in.literal(" ");
  fields.month = in.one_of(kMonths);
  in.literal(" ");
  fields.day = in.padded_number();
  in.literal(" ");
  fields.time(in);
  in.literal(" ");
  fields.year = in.number(4);
  return in.done() ? fields.value() : std::nullopt;
}

char digit(std::int64_t value) {
  return static_cast<char>('0' + value % 10);
}
char* two(char* out, std::int64_t value) {
  *out++ = digit(value / 10);
  *out++ = digit(value);
  return out;
}
char* four(char* out, std::int64_t value) {
  return two(two(out, value / 100 % 100), value % 100);
}
char* text(char* out, std::string_view piece) {
  for (const char c : piece) *out++ = c;
  return out;
}
char* clock_time(char* out, std::int64_t seconds_of_day) {
  out = two(out, seconds_of_day / 3600);
  *out++ = ':';
  out = two(out, seconds_of_day / 60 % 60);
  *out++ = ':';
  return two(out, seconds_of_day % 60);
}

// The calendar part of the last day formatted: a listing's dates are mostly of a few days.
struct DayText {
  sys_days day = sys_days::min();
  std::array<char, 17> http{};  // "Fri, 24 May 2013 "
  std::array<char, 10> iso{};   // "2013-05-24"
  std::array<char, 8> basic{};  // "20130524"

  void fill(sys_days value) {
    day = value;
    const std::chrono::year_month_day date(value);
    const auto year = static_cast<int>(date.year());
    const auto month = static_cast<unsigned>(date.month());
    const auto of_month = static_cast<unsigned>(date.day());
    char* out = text(http.data(), kDays[std::chrono::weekday(value).c_encoding()]);
    out = two(text(out, ", "), of_month);
    *out++ = ' ';
    out = text(out, kMonths[month - 1]);
    *out++ = ' ';
    out = four(out, year);
    *out = ' ';
    out = four(iso.data(), year);
    *out++ = '-';
    out = two(out, month);
    *out++ = '-';
    two(out, of_month);
    two(two(four(basic.data(), year), month), of_month);
  }
};

struct Moment {
  const DayText& day;
  std::int64_t seconds_of_day;
};

Moment moment_of(sys_seconds time) {
  thread_local DayText cache;
  const sys_days day = std::chrono::floor<std::chrono::days>(time);
  if (cache.day != day) cache.fill(day);
  return {cache, (time - day).count()};
}

sys_seconds seconds_of(WallTime time) {
  return std::chrono::floor<std::chrono::seconds>(time);
}

}  // namespace

std::optional<sys_seconds> parse_http_date(std::string_view value) {
  value = trimmed(value);
  if (value.size() > 3 && value[3] == ',') return parse_imf(value);
  return value.find(',') == std::string_view::npos ? parse_asctime(value) : parse_rfc850(value);
}

std::optional<WallTime> parse_iso8601(std::string_view value) {
  Scanner in(value);
  Fields fields;
  fields.year = in.number(4);
  in.literal("-");
  fields.month = in.number(2) - 1;
  in.literal("-");
  fields.day = in.number(2);
  in.literal("T");
  fields.time(in);
  const std::chrono::nanoseconds fraction(in.take('.') ? in.fraction() : 0);
  std::chrono::minutes offset(0);
  if (!in.take('Z')) {
    const bool east = in.take('+');
    if (!east) in.literal("-");
    offset = std::chrono::hours(in.number(2));
    in.literal(":");
    offset += std::chrono::minutes(in.number(2));
    if (!east) offset = -offset;
  }
  // Beyond 2262 a WallTime overflows.
  if (!in.done() || fields.month < 0 || fields.year < 1970 || fields.year > 2261) {
    return std::nullopt;
  }
  const auto seconds = fields.value();
  if (!seconds) return std::nullopt;
  return WallTime(*seconds) + fraction - offset;
}

std::optional<sys_seconds> parse_basic_date(std::string_view value) {
  Scanner in(value);
  Fields fields;
  fields.year = in.number(4);
  fields.month = in.number(2) - 1;
  fields.day = in.number(2);
  in.literal("T");
  fields.hour = in.number(2);
  fields.minute = in.number(2);
  fields.second = in.number(2);
  in.literal("Z");
  if (!in.done() || fields.month < 0) return std::nullopt;
  return fields.value();
}

std::string basic_date(sys_seconds time) {
  const Moment moment = moment_of(time);
  std::array<char, 16> line;
  char* out = text(line.data(), {moment.day.basic.data(), moment.day.basic.size()});
  *out++ = 'T';
  out = two(out, moment.seconds_of_day / 3600);
  out = two(out, moment.seconds_of_day / 60 % 60);
  out = two(out, moment.seconds_of_day % 60);
  *out++ = 'Z';
  return {line.data(), out};
}

void append_http_date(WallTime time, std::string& out) {
  const Moment moment = moment_of(seconds_of(time));
  std::array<char, 29> line;
  char* end = text(line.data(), {moment.day.http.data(), moment.day.http.size()});
  end = text(clock_time(end, moment.seconds_of_day), " GMT");
  out.append(line.data(), end);
}

std::string http_date(WallTime time) {
  std::string out;
  append_http_date(time, out);
  return out;
}

char* put_iso8601(WallTime time, char* out) {
  const Moment moment = moment_of(seconds_of(time));
  out = text(out, {moment.day.iso.data(), moment.day.iso.size()});
  *out++ = 'T';
  return text(clock_time(out, moment.seconds_of_day), ".000Z");
}

void append_iso8601(WallTime time, std::string& out) {
  std::array<char, kIso8601Bytes> line;
  out.append(line.data(), put_iso8601(time, line.data()));
}

std::string iso8601_seconds(sys_seconds time) {
  const Moment moment = moment_of(time);
  std::array<char, 20> line;
  char* end = text(line.data(), {moment.day.iso.data(), moment.day.iso.size()});
  *end++ = 'T';
  end = clock_time(end, moment.seconds_of_day);
  *end++ = 'Z';
  return {line.data(), end};
}

}  // namespace kelp::s3
