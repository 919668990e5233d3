#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "s3gw/call.h"

namespace kelp::s3 {

/// Sets, or without a value forgets, a setting of the bucket that the request names; from the
/// answer on this gateway goes by it.
[[nodiscard]] Task<S3Result<void>> set_bucket_setting(Call& call, std::string_view name,
                                                      std::optional<std::string> value);

}  // namespace kelp::s3
