#include "base/crc.h"

#include <isa-l/crc.h>

namespace kelp {

std::uint32_t crc32c(ByteSpan bytes, std::uint32_t crc) {
  auto* data = const_cast<unsigned char*>(reinterpret_cast<const unsigned char*>(bytes.data()));
  return ~crc32_iscsi(data, static_cast<int>(bytes.size()), ~crc);
}

std::uint32_t crc32(ByteSpan bytes, std::uint32_t crc) {
  return crc32_gzip_refl(crc, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
}

}  // namespace kelp
