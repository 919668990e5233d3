#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace kelp {

// What several codecs of this room are made of; not for others.

/// The code of a known text that is not in its table: the text itself follows.
inline constexpr std::uint8_t kOtherText = 0xff;

/// Makes every later read of `in` fail: it held bytes that no encoder writes.
inline void spoil(ByteReader& in) {
  static_cast<void>(in.raw(in.remaining() + 1));
}

/// Appends `text` as its index in `table` plus 1, 0 when empty, else kOtherText and the text. A
/// table may only grow at its end.
template <std::size_t Count>
void encode_known(std::string_view text, const std::string_view (&table)[Count], std::string& out) {
  static_assert(Count < kOtherText);
  ByteWriter to(out);
  if (text.empty()) return to.fixed(std::uint8_t{0});
  const auto* const at = std::find(std::begin(table), std::end(table), text);
  if (at != std::end(table)) return to.fixed(static_cast<std::uint8_t>(at - table + 1));
  to.fixed(kOtherText);
  to.text(text);
}

/// What encode_known() wrote, as a view of the row or of the table.
template <std::size_t Count>
std::string_view decode_known(const std::string_view (&table)[Count], ByteReader& in) {
  const auto code = in.fixed<std::uint8_t>();
  if (code == 0) return {};
  if (code == kOtherText) return in.text();
  if (code <= Count) return table[code - 1];
  spoil(in);
  return {};
}

/// A varint of at most 32 bits.
inline std::uint32_t decode_u32(ByteReader& in) {
  const std::uint64_t value = in.varint();
  if (value > UINT32_MAX) spoil(in);
  return static_cast<std::uint32_t>(value);
}

}  // namespace kelp
