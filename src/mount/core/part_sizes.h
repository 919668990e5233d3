#pragma once

#include <cstddef>
#include <cstdint>

namespace kelp::mount {

/// Up to so many bytes go up in one request.
inline constexpr std::uint64_t kSinglePutBytes = 16 << 20;

/// How large a part is, numbered from 1: small ones first, so that they leave early; growing, so
/// that 10,000 of them hold the 5 TiB of the largest object.
[[nodiscard]] constexpr std::uint64_t part_bytes(std::size_t part_number) {
  if (part_number <= 1000) return 8ULL << 20;
  if (part_number <= 4000) return 64ULL << 20;
  return 1ULL << 30;
}

}  // namespace kelp::mount
