#include "select/text.h"

#include <algorithm>
#include <cstring>

namespace kelp::select {

bool same_word(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, lower, lower);
}

std::size_t character_count(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string_view characters(std::string_view text, std::size_t first, std::size_t count) {
  std::size_t at = 0;
  for (; first > 0 && at < text.size(); --first) at += character_bytes(text[at]);
  at = std::min(at, text.size());
  std::size_t end = at;
  for (; count > 0 && end < text.size(); --count) end += character_bytes(text[end]);
  return text.substr(at, std::min(end, text.size()) - at);
}

bool Utf8Check::feed(std::string_view bytes) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto byte = static_cast<std::uint8_t>(bytes[i]);
    if (needed_ > 0) {
      if (byte < low_ || byte > high_) return false;
      --needed_;
      low_ = 0x80;
      high_ = 0xbf;
      continue;
    }
    if (byte < 0x80) {
      // Most text is ASCII: eight at a time.
      std::uint64_t word = 0;
      while (i + 8 < bytes.size()) {
        std::memcpy(&word, bytes.data() + i + 1, sizeof word);
        if ((word & 0x8080808080808080) != 0) break;
        i += 8;
      }
      continue;
    }
    if (byte < 0xc2 || byte > 0xf4) return false;
    needed_ = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
    // No overlong forms, no surrogates, nothing past U+10FFFF.
    if (byte == 0xe0) low_ = 0xa0;
    if (byte == 0xed) high_ = 0x9f;
    if (byte == 0xf0) low_ = 0x90;
    if (byte == 0xf4) high_ = 0x8f;
  }
  return true;
}

}  // namespace kelp::select
