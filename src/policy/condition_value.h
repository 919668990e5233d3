#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kelp::policy {

/// A decimal number. Nothing for other texts.
[[nodiscard]] std::optional<double> parse_number(std::string_view text);

/// Seconds since 1970 of a W3C date ("2026-01-02", "2026-01-02T03:04:05Z", with a fraction, with an
/// offset "+01:00") or of so many seconds written as a number. Nothing for other texts.
[[nodiscard]] std::optional<std::int64_t> parse_date(std::string_view text);

/// "true" or "false", in any case.
[[nodiscard]] std::optional<bool> parse_bool(std::string_view text);

/// A range of addresses; those of IPv4 are the mapped ones of IPv6.
struct AddressRange {
  std::array<std::uint8_t, 16> address{};
  unsigned prefix_bits = 128;  ///< 0 to 128.

  [[nodiscard]] bool contains(const AddressRange& other) const;
};

/// "192.0.2.0/24", "2001:db8::/32", or an address alone. Nothing for other texts.
[[nodiscard]] std::optional<AddressRange> parse_range(std::string_view text);

}  // namespace kelp::policy
