#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace kelp {

// Each function continues from `crc`, which is 0 to start, so that crc(b, crc(a)) == crc(ab).

/// CRC-32C (Castagnoli; RFC 3720 appendix B.4); "123456789" gives 0xe3069283.
[[nodiscard]] std::uint32_t crc32c(ByteSpan bytes, std::uint32_t crc = 0);
/// CRC-32 (IEEE 802.3, as in gzip); "123456789" gives 0xcbf43926.
[[nodiscard]] std::uint32_t crc32(ByteSpan bytes, std::uint32_t crc = 0);
/// CRC-64/NVME (reflected polynomial 0x9a6c9329ac4bc9b5); "123456789" gives 0xae8b14860a799888.
[[nodiscard]] std::uint64_t crc64nvme(ByteSpan bytes, std::uint64_t crc = 0);
/// The same without special instructions: what crc64nvme() does on a CPU without PCLMULQDQ.
[[nodiscard]] std::uint64_t crc64nvme_portable(ByteSpan bytes, std::uint64_t crc = 0);

}  // namespace kelp
