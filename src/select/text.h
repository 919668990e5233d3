#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

// Text as SQL sees it: UTF-8, of which letters mean ASCII's.

namespace kelp::select {

/// A letter made small; every other byte as it is.
[[nodiscard]] constexpr char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}
/// A letter made large.
[[nodiscard]] constexpr char upper(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
}
/// Whether two words are the same in any case.
[[nodiscard]] bool same_word(std::string_view a, std::string_view b);

/// Bytes of the character that begins with `first`, which is of valid UTF-8.
[[nodiscard]] constexpr std::size_t character_bytes(char first) {
  const auto byte = static_cast<unsigned char>(first);
  return byte < 0x80 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
}
/// How many characters valid UTF-8 has.
[[nodiscard]] std::size_t character_count(std::string_view text);
/// `count` characters from the one at `first`, which counts from 0.
[[nodiscard]] std::string_view characters(std::string_view text, std::size_t first,
                                          std::size_t count);

/// Whether a stream is UTF-8 (RFC 3629), piece by piece.
class Utf8Check {
 public:
  /// False once it is not.
  [[nodiscard]] bool feed(std::string_view bytes);
  /// Whether the stream may end here.
  [[nodiscard]] bool complete() const { return needed_ == 0; }

 private:
  std::uint8_t needed_ = 0;  ///< Bytes that are to follow.
  std::uint8_t low_ = 0x80;  ///< What the next one may be.
  std::uint8_t high_ = 0xbf;
};

}  // namespace kelp::select
