#pragma once

#include <cstdint>

#include "s3gw/core/payload.h"
#include "s3gw/s3_error.h"
#include "wire/entry.h"

namespace kelp::s3 {

inline constexpr std::size_t kMaxAppendedParts = 10'000;  ///< As S3 Express One Zone.

/// Whether `added_bytes` can be appended to `entry` at `offset_bytes`. InvalidWriteOffset when that
/// is not its size; TooManyParts; EntityTooLarge past 5 TiB.
[[nodiscard]] S3Result<void> check_append(const ObjectEntry& entry, std::uint64_t offset_bytes,
                                          std::uint64_t added_bytes);

/// Makes `entry`, all but its layout, that of the object with the body that `added` tells of behind
/// its own. What was there and each body that was appended count as parts. The ETag is, as raw
/// bytes, the MD5 of the ETag before and the MD5 of the body, with the number of parts; one
/// checksum of the whole stays when both have the same kind of CRC, and else none. Onto an empty
/// object it becomes what a put of the body would make, but for its headers.
void append_to(ObjectEntry& entry, const PayloadResult& added);

}  // namespace kelp::s3
