#include "crypto/uuid.h"

#include <array>

#include "base/encoding.h"
#include "crypto/random.h"

namespace kelp {

std::string random_uuid() {
  std::array<std::byte, 16> bytes{};
  random_bytes(bytes);
  bytes[6] = (bytes[6] & std::byte{0x0f}) | std::byte{0x40};
  bytes[8] = (bytes[8] & std::byte{0x3f}) | std::byte{0x80};
  std::string text = hex_encode(as_text(bytes));
  for (const std::size_t at : {8, 13, 18, 23}) text.insert(at, "-");
  return text;
}

}  // namespace kelp
