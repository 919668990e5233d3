// TO_STRING's patterns. Source: "TO_STRING", date functions of S3 Select's SQL reference.

#include <fmt/format.h>

#include <array>
#include <cstdlib>

#include "select/moment.h"

namespace kelp::select {
namespace {

constexpr std::array<std::string_view, 12> kMonths = {
    "January", "February", "March",     "April",   "May",      "June",
    "July",    "August",   "September", "October", "November", "December"};

std::optional<std::string> padded(std::int64_t value, std::size_t width, std::size_t most) {
  if (width > most) return std::nullopt;
  return fmt::format("{:0{}}", value, width);
}

std::optional<std::string> month_text(std::int64_t month, std::size_t width) {
  const std::string_view name = kMonths[static_cast<std::size_t>(month - 1)];
  if (width == 3) return std::string(name.substr(0, 3));
  if (width == 4) return std::string(name);
  if (width == 5) return std::string(name.substr(0, 1));
  return padded(month, width, 2);
}

std::optional<std::string> offset_text(const Moment& moment, std::size_t width, bool zulu) {
  if (width > 5) return std::nullopt;
  if (zulu && moment.offset_minutes == 0) return "Z";
  const int minutes = std::abs(moment.offset_minutes);
  std::string text = fmt::format("{}{:02}", moment.offset_minutes < 0 ? '-' : '+', minutes / 60);
  if (width == 1) return text;
  if (width == 3 || width == 5) text += ':';
  return text + fmt::format("{:02}", minutes % 60);
}

/// What `width` letters `symbol` mean; nothing when they mean nothing.
std::optional<std::string> field_text(const Moment& moment, char symbol, std::size_t width) {
  const std::int64_t hour = extract(DatePart::kHour, moment);
  const std::int64_t micros = ((moment.micros % 1'000'000) + 1'000'000) % 1'000'000;
  switch (symbol) {
    case 'y':
      if (width == 2) return padded(extract(DatePart::kYear, moment) % 100, 2, 2);
      return padded(extract(DatePart::kYear, moment), width, 4);
    case 'M':
      return month_text(extract(DatePart::kMonth, moment), width);
    case 'd':
      return padded(extract(DatePart::kDay, moment), width, 2);
    case 'a':
      return width == 1 ? std::optional<std::string>(hour < 12 ? "AM" : "PM") : std::nullopt;
    case 'h':
      return padded(hour % 12 == 0 ? 12 : hour % 12, width, 2);
    case 'H':
      return padded(hour, width, 2);
    case 'm':
      return padded(extract(DatePart::kMinute, moment), width, 2);
    case 's':
      return padded(extract(DatePart::kSecond, moment), width, 2);
    case 'S':
      if (width > 9) return std::nullopt;
      return fmt::format("{:06}000", micros).substr(0, width);
    case 'n':
      return width == 1 ? std::optional(std::to_string(micros * 1000)) : std::nullopt;
    case 'X':
    case 'x':
      return offset_text(moment, width, symbol == 'X');
    default:
      return std::nullopt;
  }
}

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

}  // namespace

Outcome<std::string> format_moment(const Moment& moment, std::string_view pattern) {
  std::string text;
  while (!pattern.empty()) {
    const char symbol = pattern.front();
    if (symbol == '\'') {
      const std::size_t end = pattern.find('\'', 1);
      if (end == std::string_view::npos) {
        return Failure{FailureKind::kEvaluatorUnterminatedTimestampFormatPatternToken};
      }
      text += end == 1 ? std::string_view("'") : pattern.substr(1, end - 1);
      pattern.remove_prefix(end + 1);
      continue;
    }
    if (!is_letter(symbol)) {
      text += symbol;
      pattern.remove_prefix(1);
      continue;
    }
    const std::size_t width = std::min(pattern.find_first_not_of(symbol), pattern.size());
    const auto field = field_text(moment, symbol, width);
    if (!field) {
      return Failure{FailureKind::kEvaluatorInvalidTimestampFormatPatternSymbol,
                     fmt::format("'{}' is no symbol of a timestamp's pattern",
                                 pattern.substr(0, std::min<std::size_t>(width, 16)))};
    }
    text += *field;
    pattern.remove_prefix(width);
  }
  return text;
}

}  // namespace kelp::select
