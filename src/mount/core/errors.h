#pragma once

#include <string_view>

#include "mount/core/outcome.h"

namespace kelp::mount {

/// What a refused request means to a program.
///
/// `status`  of HTTP, not 2xx.
/// `code`    S3's, empty when the answer had none (HEAD).
[[nodiscard]] Errno errno_of(int status, std::string_view code);

/// Whether the same request may succeed a little later: 500, 502, 503, 504, and two writers that
/// met (ConditionalRequestConflict).
[[nodiscard]] bool may_pass(int status, std::string_view code);

}  // namespace kelp::mount
