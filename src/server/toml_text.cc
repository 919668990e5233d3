#include "server/toml_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace kelp::server {

using std::chrono::nanoseconds;

Result<toml::table> parse_toml(std::string_view text, const std::string& name) {
  try {
    return toml::parse(text, name);
  } catch (const toml::parse_error& error) {
    return Error(Errc::kInvalidArgument,
                 fmt::format("{}:{}: {}", name, error.source().begin.line, error.description()));
  }
}

std::vector<std::string> split_words(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    if (comma > 0) out.emplace_back(text.substr(0, comma));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return out;
}

std::string toml_quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  out.push_back('"');
  return out;
}

std::string toml_value(const std::string& value) {
  return toml_quoted(value);
}

std::string toml_value(bool value) {
  return value ? "true" : "false";
}

std::string toml_value(double value) {
  return fmt::format("{}", value);
}

std::string toml_value(std::uint64_t value) {
  constexpr std::array<std::pair<std::string_view, unsigned>, 3> kUnits = {
      {{"GiB", 30}, {"MiB", 20}, {"KiB", 10}}};
  for (const auto& [unit, shift] : kUnits) {
    if (value >= 1ULL << shift && value % (1ULL << shift) == 0) {
      return fmt::format("\"{}{}\"", value >> shift, unit);
    }
  }
  return fmt::format("{}", value);
}

std::string toml_value(nanoseconds value) {
  constexpr std::array<std::pair<std::string_view, std::int64_t>, 4> kUnits = {
      {{"h", 3'600'000'000'000}, {"m", 60'000'000'000}, {"s", 1'000'000'000}, {"ms", 1'000'000}}};
  for (const auto& [unit, factor] : kUnits) {
    if (value.count() != 0 && value.count() % factor == 0) {
      return fmt::format("\"{}{}\"", value.count() / factor, unit);
    }
  }
  return fmt::format("\"{}ns\"", value.count());
}

std::string toml_value(const std::vector<std::string>& values) {
  std::string out = "[";
  for (const auto& value : values) out += (out.size() > 1 ? ", " : "") + toml_quoted(value);
  return out + "]";
}

}  // namespace kelp::server
