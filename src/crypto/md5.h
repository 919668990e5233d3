#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>

#include "base/bytes.h"

namespace kelp {

/// A streaming MD5 (RFC 1321), for ETags: it proves nothing against an attacker. Small, copyable,
/// without allocation. One thread at a time.
class Md5 {
 public:
  void update(ByteSpan bytes);
  /// The raw digest, 16 bytes. The object is then as new.
  [[nodiscard]] std::string finish();

 private:
  friend class Md5Together;
  static constexpr std::size_t kBlockBytes = 64;

  /// Completes the block begun and takes it; returns what is left of `bytes`.
  ByteSpan fill_block(ByteSpan bytes);
  /// Keeps less than a block for later.
  void keep(ByteSpan rest);

  std::array<std::uint32_t, 4> state_{0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
  std::array<std::byte, kBlockBytes> block_{};
  std::uint64_t bytes_ = 0;
};

/// The next bytes of one stream.
struct Md5Input {
  Md5* stream = nullptr;
  ByteSpan bytes;
};
/// Does `input.stream->update(input.bytes)` for each input, many streams in the lanes of one
/// register at once. No stream may be named twice.
void update_together(std::span<const Md5Input> inputs);

/// How many streams update_together() advances at about the price of one: 16 with AVX-512, 8 with
/// AVX2, else 1.
[[nodiscard]] std::size_t md5_lanes();

}  // namespace kelp
