#pragma once

#include <optional>
#include <string_view>

#include "s3gw/core/operations.h"
#include "webdav/core/place.h"

namespace kelp::webdav {

/// The operation of S3 that a method on a place amounts to, as far as the path tells: by its name
/// policies, audit log and access logs know the request. Nothing outside of what there is.
[[nodiscard]] std::optional<s3::Operation> operation_of(std::string_view method,
                                                        const Place& place);

}  // namespace kelp::webdav
