#pragma once

#include <string>
#include <string_view>

#include "mount/core/outcome.h"

namespace kelp::mount {

/// The name of the metadata that an extended attribute "user.NAME" is.
/// Errors  ENOTSUP outside of `user.`; EINVAL for what no header's name can hold, upper case
///         (headers have none) and `mtime`, which the mount keeps.
[[nodiscard]] Outcome<std::string> metadata_name(std::string_view attribute);

/// EINVAL unless a header brings `value` back as it is: printable ASCII without spaces around it.
[[nodiscard]] Outcome<void> check_metadata_value(std::string_view value);

}  // namespace kelp::mount
