#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "kelp/result.h"

namespace kelp {

/// Reads the format byte in front of a row: 1 to `newest`.
inline Result<std::uint8_t> take_format(ByteReader& in, std::uint8_t newest,
                                        std::string_view what) {
  const auto format = in.fixed<std::uint8_t>();
  if (in.failed() || format == 0) {
    return Error(Errc::kCorruption, fmt::format("{}: no format number", what));
  }
  if (format > newest) {
    return Error(Errc::kUnimplemented,
                 fmt::format("{}: format {}, this build knows {}", what, format, newest));
  }
  return format;
}

}  // namespace kelp
