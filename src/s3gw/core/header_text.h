#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "base/http_header.h"

namespace kelp::s3 {

/// An ASCII letter made small; every other byte as it is.
[[nodiscard]] constexpr char ascii_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

/// Whether `text`, made lower-case, begins with `lower`.
[[nodiscard]] constexpr bool starts_with_lower(std::string_view text, std::string_view lower) {
  if (text.size() < lower.size()) return false;
  for (std::size_t i = 0; i < lower.size(); ++i) {
    if (ascii_lower(text[i]) != lower[i]) return false;
  }
  return true;
}

/// Whether `text`, made lower-case, is `lower`.
[[nodiscard]] constexpr bool equals_lower(std::string_view text, std::string_view lower) {
  return text.size() == lower.size() && starts_with_lower(text, lower);
}

/// The value of the first header whose name, made lower-case, is `lower`.
[[nodiscard]] constexpr std::optional<std::string_view> find_header(
    std::span<const HttpHeader> headers, std::string_view lower) {
  for (const HttpHeader& header : headers) {
    if (equals_lower(header.name, lower)) return header.value;
  }
  return std::nullopt;
}

/// Without the spaces and tabs around it.
[[nodiscard]] constexpr std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// Cuts what stands before the first `separator` off the front of `rest`; all of it when there is
/// none.
[[nodiscard]] constexpr std::string_view cut(std::string_view& rest, char separator) {
  const std::size_t at = rest.find(separator);
  const std::string_view piece = rest.substr(0, at);
  rest.remove_prefix(at == std::string_view::npos ? rest.size() : at + 1);
  return piece;
}

}  // namespace kelp::s3
