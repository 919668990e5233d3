#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "crypto/aead.h"

namespace kelp::s3 {

/// Random, another one for each time that something is wrapped.
using WrapSalt = std::array<std::byte, 16>;
/// Salt, key and tag.
inline constexpr std::size_t kWrappedKeyBytes = 16 + SecretKey::kBytes + AesGcm::kTagBytes;

/// `key`, encrypted with `by` and bound to `associated`: kWrappedKeyBytes. A key of its own is made
/// of `by` and `salt`, so that `by` may wrap any number of keys.
[[nodiscard]] std::string wrap_key(const SecretKey& by, std::string_view associated,
                                   const WrapSalt& salt, const SecretKey& key);

/// What was wrapped; nothing when `by`, `associated` or a bit of `wrapped` is another one.
[[nodiscard]] std::optional<SecretKey> unwrap_key(const SecretKey& by, std::string_view associated,
                                                  std::string_view wrapped);

}  // namespace kelp::s3
