#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "kelp/result.h"

namespace kelp {

inline constexpr std::uint64_t kUnknownLength = std::numeric_limits<std::uint64_t>::max();

/// Which stretch of which body a needle is: kept beside it, so that a lost namespace is rebuilt
/// from the needles alone (docs/formats/needle.md, "Origin").
struct NeedleOrigin {
  std::string bucket;        ///< Its name.
  NeedleKey body;            ///< The key of the body's first needle: tells bodies apart.
  std::uint64_t offset = 0;  ///< Of the needle's first byte in the body.
  /// Of the body: an object's or a part's. kUnknownLength: nobody knew when it was written, so what
  /// it is a stretch of never counts as whole.
  std::uint64_t total_bytes = 0;
  std::string upload_id;          ///< As clients name it; empty: no part.
  std::uint32_t part_number = 0;  ///< From 1; 0: no part.
  friend bool operator==(const NeedleOrigin&, const NeedleOrigin&) = default;
};

/// The longest that an origin can be, encoded.
inline constexpr std::size_t kMaxOriginBytes = 255;

/// Its bytes; empty when a bucket's name or an upload's id is longer than any is.
[[nodiscard]] std::string encode_origin(const NeedleOrigin& origin);
/// kCorruption for anything that encode_origin() would not make; kUnimplemented, naming both
/// versions, for a newer one.
[[nodiscard]] Result<NeedleOrigin> decode_origin(std::string_view bytes);

}  // namespace kelp
