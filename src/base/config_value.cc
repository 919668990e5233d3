#include "base/config_value.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <utility>

namespace kelp {
namespace {

using Unit = std::pair<std::string_view, std::uint64_t>;

constexpr std::array<Unit, 10> kByteUnits = {{{"", 1},
                                              {"B", 1},
                                              {"kB", 1'000},
                                              {"MB", 1'000'000},
                                              {"GB", 1'000'000'000},
                                              {"TB", 1'000'000'000'000},
                                              {"KiB", 1ULL << 10},
                                              {"MiB", 1ULL << 20},
                                              {"GiB", 1ULL << 30},
                                              {"TiB", 1ULL << 40}}};
constexpr std::array<Unit, 7> kTimeUnits = {{{"ns", 1},
                                             {"us", 1'000},
                                             {"ms", 1'000'000},
                                             {"s", 1'000'000'000},
                                             {"m", 60'000'000'000},
                                             {"h", 3'600'000'000'000},
                                             {"d", 86'400'000'000'000}}};

/// A whole number followed by one of `units`; kInvalidArgument for anything else or an overflow.
template <std::size_t N>
Result<std::uint64_t> parse_with_unit(std::string_view text, const std::array<Unit, N>& units) {
  std::uint64_t number = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (code == std::errc{}) {
    const std::string_view suffix = text.substr(static_cast<std::size_t>(end - text.data()));
    for (const auto& [name, factor] : units) {
      std::uint64_t product = 0;
      if (suffix == name && !__builtin_mul_overflow(number, factor, &product)) return product;
    }
  }
  return Error(Errc::kInvalidArgument, fmt::format("'{}' is not a number with a known unit", text));
}

}  // namespace

Result<std::uint64_t> parse_bytes(std::string_view text) {
  return parse_with_unit(text, kByteUnits);
}

Result<std::chrono::nanoseconds> parse_duration(std::string_view text) {
  if (text == "0") return std::chrono::nanoseconds(0);
  KELP_TRY(const std::uint64_t count, parse_with_unit(text, kTimeUnits));
  if (count > INT64_MAX)
    return Error(Errc::kInvalidArgument, fmt::format("'{}' is too long a time", text));
  return std::chrono::nanoseconds(static_cast<std::int64_t>(count));
}

}  // namespace kelp
