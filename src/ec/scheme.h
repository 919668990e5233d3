#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "kelp/result.h"

namespace kelp {

/// Most shards that a scheme has.
inline constexpr std::uint32_t kMostShards = 32;

/// Bytes are cut into `data` shards and `parity` more are computed: any `data` of them give all
/// back. Shard numbers count from 0, data shards first.
struct EcScheme {
  std::uint8_t data = 0;    ///< 2 to 31.
  std::uint8_t parity = 0;  ///< 1 to 30.
  /// Shards in all: nodes that a stripe needs.
  [[nodiscard]] constexpr std::uint32_t shards() const { return std::uint32_t{data} + parity; }
  /// False for the scheme that is none, {}: whole copies.
  [[nodiscard]] constexpr explicit operator bool() const { return data != 0; }
  friend bool operator==(const EcScheme&, const EcScheme&) = default;
};

/// kInvalidArgument, saying what is allowed, for a scheme out of range.
[[nodiscard]] Result<void> check_scheme(EcScheme scheme);
/// "ec(4,2)".
[[nodiscard]] std::string to_string(EcScheme scheme);
/// What to_string() gives; blanks after the comma are allowed. kInvalidArgument for anything else,
/// and for schemes out of range.
[[nodiscard]] Result<EcScheme> parse_ec_scheme(std::string_view text);

}  // namespace kelp
