#pragma once

#include <cstdint>
#include <string_view>

#include "policy/pattern.h"

namespace kelp::policy {

/// What an action of S3 acts on; values are bits of a set.
enum class Scope : std::uint8_t { kAccount = 1, kBucket = 2, kObject = 4 };

/// Scopes, as bits, of the actions of S3 that a pattern fits ("s3:get*", lower case); 0: of none.
[[nodiscard]] unsigned scopes_of(const Pattern& lower_pattern);

/// Whether any service could have a condition key of this name, in lower case. Of keys that begin
/// with "aws:" or "s3:" those that AWS documents; names behind a '/' are the customer's.
[[nodiscard]] bool is_condition_key(std::string_view lower_key);

}  // namespace kelp::policy
