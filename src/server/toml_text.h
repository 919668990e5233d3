#pragma once

#include <toml++/toml.h>

#include <string>
#include <string_view>

#include "kelp/result.h"

namespace kelp::server {

/// Parses a TOML document; `name` is for messages. kInvalidArgument naming file and line.
[[nodiscard]] Result<toml::table> parse_toml(std::string_view text, const std::string& name);

/// A TOML string literal for `text`, which has no control characters.
[[nodiscard]] std::string toml_quoted(std::string_view text);

}  // namespace kelp::server
