#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace kelp {

/// Bytes of the character of UTF-8 (RFC 3629: nothing overlong, no surrogates) that `text` begins
/// with; 0: it begins with none.
[[nodiscard]] std::size_t utf8_character_bytes(std::string_view text);

/// Appends `text` as a string of JSON (RFC 8259), with its quotes, on one line. Each byte that is
/// of no character of UTF-8 becomes U+FFFD.
void append_json_text(std::string_view text, std::string& out);

}  // namespace kelp
