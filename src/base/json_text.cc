#include "base/json_text.h"

#include <fmt/format.h>

#include <iterator>

namespace kelp {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";

/// How a character of UTF-8 goes on: so many bytes follow `lead`, the first of them in a range.
struct Sequence {
  std::size_t following;
  unsigned char low;
  unsigned char high;
};

constexpr Sequence sequence_of(unsigned char lead) {
  if (lead >= 0xc2 && lead <= 0xdf) return {1, 0x80, 0xbf};
  if (lead == 0xe0) return {2, 0xa0, 0xbf};
  if (lead == 0xed) return {2, 0x80, 0x9f};
  if (lead >= 0xe1 && lead <= 0xef) return {2, 0x80, 0xbf};
  if (lead == 0xf0) return {3, 0x90, 0xbf};
  if (lead >= 0xf1 && lead <= 0xf3) return {3, 0x80, 0xbf};
  if (lead == 0xf4) return {3, 0x80, 0x8f};
  return {0, 0, 0};
}

bool stands_for_itself(char c) {
  return static_cast<unsigned char>(c) >= 0x20 && static_cast<unsigned char>(c) < 0x80 &&
         c != '"' && c != '\\';
}

void append_escaped(char c, std::string& out) {
  switch (c) {
    case '"':
    case '\\':
      out += '\\';
      out += c;
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned char>(c));
  }
}

}  // namespace

std::size_t utf8_character_bytes(std::string_view text) {
  if (text.empty()) return 0;
  const auto byte = [text](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  if (byte(0) < 0x80) return 1;
  const Sequence expected = sequence_of(byte(0));
  if (expected.following == 0 || text.size() <= expected.following) return 0;
  if (byte(1) < expected.low || byte(1) > expected.high) return 0;
  for (std::size_t i = 2; i <= expected.following; ++i) {
    if (byte(i) < 0x80 || byte(i) > 0xbf) return 0;
  }
  return 1 + expected.following;
}

void append_json_text(std::string_view text, std::string& out) {
  out += '"';
  while (!text.empty()) {
    std::size_t bytes = 0;
    while (bytes < text.size() && stands_for_itself(text[bytes])) ++bytes;
    out += text.substr(0, bytes);
    text.remove_prefix(bytes);
    if (text.empty()) break;
    bytes = utf8_character_bytes(text);
    if (bytes > 1) {
      out += text.substr(0, bytes);
    } else if (bytes == 1) {
      append_escaped(text[0], out);
    } else {
      out += kReplacement;
      bytes = 1;
    }
    text.remove_prefix(bytes);
  }
  out += '"';
}

}  // namespace kelp
