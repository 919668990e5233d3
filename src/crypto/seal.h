#pragma once

#include <string>
#include <string_view>

#include "crypto/digest.h"

namespace kelp {

/// Bytes that sealing adds: the nonce in front, the tag behind.
inline constexpr std::size_t kSealBytes = 12 + 16;

/// AES-256-GCM (NIST SP 800-38D) under a random nonce: nobody without `key` can read `plain`, or
/// make or change what open_sealed() takes. `about` is not kept, and must be said again to open. A
/// key seals at most 2^32 texts. Thread-safe.
[[nodiscard]] std::string seal(const Sha256& key, std::string_view plain, std::string_view about);

/// What seal() was given. kPermissionDenied for anything that was not sealed with this key and
/// `about`, whatever is wrong with it.
[[nodiscard]] Result<std::string> open_sealed(const Sha256& key, std::string_view sealed,
                                              std::string_view about);

}  // namespace kelp
