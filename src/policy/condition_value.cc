#include "policy/condition_value.h"

#include <arpa/inet.h>

#include <charconv>
#include <chrono>

#include "policy/context.h"

namespace kelp::policy {
namespace {

/// The decimal number that `text` is from its first byte to its last; nothing for other texts.
template <typename T>
std::optional<T> whole_number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// Takes `digits` digits off the front of `text`.
std::optional<int> take_digits(std::string_view& text, std::size_t digits) {
  if (text.size() < digits || text.starts_with('-') || text.starts_with('+')) return std::nullopt;
  const auto value = whole_number<int>(text.substr(0, digits));
  if (value) text.remove_prefix(digits);
  return value;
}

bool take(std::string_view& text, char c) {
  if (!text.starts_with(c)) return false;
  text.remove_prefix(1);
  return true;
}

/// "Z", "+hh:mm", "-hhmm": seconds that the local time is ahead.
std::optional<int> parse_zone(std::string_view text) {
  if (text == "Z" || text == "z") return 0;
  const int sign = text.starts_with('-') ? -1 : 1;
  if (!take(text, '+') && !take(text, '-')) return std::nullopt;
  const auto hours = take_digits(text, 2);
  (void)take(text, ':');
  const auto minutes = take_digits(text, 2);
  if (!hours || !minutes || !text.empty() || *hours > 23 || *minutes > 59) return std::nullopt;
  return sign * (*hours * 3600 + *minutes * 60);
}

/// Seconds of the time of day that stands behind a date, its zone taken off.
std::optional<int> parse_time(std::string_view text) {
  if (!take(text, 'T')) return std::nullopt;
  const auto hours = take_digits(text, 2);
  if (!hours || !take(text, ':')) return std::nullopt;
  const auto minutes = take_digits(text, 2);
  std::optional<int> seconds = 0;
  if (take(text, ':')) seconds = take_digits(text, 2);
  if (!minutes || !seconds || *hours > 23 || *minutes > 59 || *seconds > 60) return std::nullopt;
  if (take(text, '.')) {
    const auto fraction = text.find_first_not_of("0123456789");
    if (fraction == 0 || fraction == std::string_view::npos) return std::nullopt;
    text.remove_prefix(fraction);
  }
  const auto zone = parse_zone(text);
  if (!zone) return std::nullopt;
  return *hours * 3600 + *minutes * 60 + *seconds - *zone;
}

}  // namespace

std::optional<double> parse_number(std::string_view text) {
  if (text.find_first_not_of("+-.0123456789eE") != std::string_view::npos) return std::nullopt;
  if (text.starts_with('+')) text.remove_prefix(1);
  return whole_number<double>(text);
}

std::optional<std::int64_t> parse_date(std::string_view text) {
  if (const auto epoch = whole_number<std::int64_t>(text); epoch && text.size() != 4) return epoch;
  const auto year = take_digits(text, 4);
  if (!year || !take(text, '-')) return std::nullopt;
  const auto month = take_digits(text, 2);
  if (!month || !take(text, '-')) return std::nullopt;
  const auto day = take_digits(text, 2);
  if (!day) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year{*year},
                                         std::chrono::month{static_cast<unsigned>(*month)},
                                         std::chrono::day{static_cast<unsigned>(*day)}};
  if (!date.ok()) return std::nullopt;
  const std::int64_t midnight = std::chrono::duration_cast<std::chrono::seconds>(
                                    std::chrono::sys_days(date).time_since_epoch())
                                    .count();
  if (text.empty()) return midnight;
  const auto time = parse_time(text);
  if (!time) return std::nullopt;
  return midnight + *time;
}

std::optional<bool> parse_bool(std::string_view text) {
  const std::string lower = lower_case(text);
  if (lower == "true") return true;
  if (lower == "false") return false;
  return std::nullopt;
}

bool AddressRange::contains(const AddressRange& other) const {
  if (other.prefix_bits < prefix_bits) return false;
  const std::size_t whole = prefix_bits / 8;
  for (std::size_t i = 0; i < whole; ++i) {
    if (address[i] != other.address[i]) return false;
  }
  const unsigned rest = prefix_bits % 8;
  if (rest == 0) return true;
  const unsigned mask = 0xffU << (8 - rest) & 0xffU;
  return (address[whole] & mask) == (other.address[whole] & mask);
}

std::optional<AddressRange> parse_range(std::string_view text) {
  const auto slash = text.find('/');
  const std::string address(text.substr(0, slash));
  AddressRange range;
  const bool is_v4 = address.find(':') == std::string::npos;
  if (is_v4) {
    range.address[10] = range.address[11] = 0xff;
    if (::inet_pton(AF_INET, address.c_str(), &range.address[12]) != 1) return std::nullopt;
  } else if (::inet_pton(AF_INET6, address.c_str(), range.address.data()) != 1) {
    return std::nullopt;
  }
  if (slash == std::string_view::npos) return range;
  const auto bits = whole_number<unsigned>(text.substr(slash + 1));
  if (!bits || *bits > (is_v4 ? 32U : 128U)) return std::nullopt;
  range.prefix_bits = *bits + (is_v4 ? 96U : 0U);
  return range;
}

}  // namespace kelp::policy
