#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "s3gw/s3_error.h"

namespace kelp::s3 {

/// A version's id as clients see it: 16 hex digits, or "null" for kNullVersion.
[[nodiscard]] std::string version_id_text(std::uint64_t id);

/// What version_id_text() wrote. InvalidArgument, naming the argument, for anything else.
[[nodiscard]] S3Result<std::uint64_t> read_version_id(std::string_view argument,
                                                      std::string_view text);

}  // namespace kelp::s3
