#pragma once

#include <array>

namespace kelp::s3 {

/// x-amz-request-id: sixteen hex digits, unique in this process and among processes as far as
/// 64 random bits are. Thread-safe, takes no lock.
[[nodiscard]] std::array<char, 16> next_request_id();

}  // namespace kelp::s3
