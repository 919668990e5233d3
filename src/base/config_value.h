#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "kelp/result.h"

namespace kelp {

/// "64MiB", "5GB", "512", "8KiB" to bytes. Decimal (kB MB GB TB) and binary (KiB MiB GiB TiB)
/// units, or B, or none.
[[nodiscard]] Result<std::uint64_t> parse_bytes(std::string_view text);
/// "250ms", "5s", "10m", "2h", "14d" to nanoseconds; a unit is required, "0" alone is allowed.
[[nodiscard]] Result<std::chrono::nanoseconds> parse_duration(std::string_view text);

}  // namespace kelp
