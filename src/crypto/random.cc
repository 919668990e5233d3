#include "crypto/random.h"

#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <climits>

#include "base/assert.h"

namespace kelp {

void random_bytes(MutableByteSpan out) {
  while (!out.empty()) {
    const std::size_t count = std::min<std::size_t>(out.size(), INT_MAX);
    KELP_ASSERT(
        RAND_bytes(reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(count)) == 1,
        "the random generator must work: keys and ids depend on it");
    out = out.subspan(count);
  }
}

std::uint64_t random_u64() {
  std::uint64_t value = 0;
  random_bytes(std::as_writable_bytes(std::span(&value, 1)));
  return value;
}

std::string random_token(std::size_t count) {
  static constexpr std::string_view kLetters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  // Bytes from here on would favour the first letters: 248 = 4 * 62.
  constexpr unsigned kFair = 256 / kLetters.size() * kLetters.size();
  std::string token;
  token.reserve(count);
  std::array<std::byte, 64> pool;
  while (token.size() < count) {
    random_bytes(pool);
    for (const std::byte byte : pool) {
      const auto value = static_cast<unsigned>(byte);
      if (value >= kFair) continue;
      token.push_back(kLetters[value % kLetters.size()]);
      if (token.size() == count) break;
    }
  }
  return token;
}

}  // namespace kelp
