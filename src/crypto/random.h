#pragma once

#include <string>

#include "base/bytes.h"

namespace kelp {

/// Fills `out` from the operating system's generator; for keys, cookies, ids and seeds. Stops the
/// process when the generator fails. Thread-safe.
void random_bytes(MutableByteSpan out);
[[nodiscard]] std::uint64_t random_u64();
/// `count` characters drawn uniformly from A-Z a-z 0-9; for access keys and secrets.
[[nodiscard]] std::string random_token(std::size_t count);

}  // namespace kelp
