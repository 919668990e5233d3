#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kelp/result.h"

namespace kelp::server {

/// A command as it was written: its name and what follows.
using ShellWords = std::vector<std::string>;

/// Divides a script into commands and words, as a shell does: commands end at a line's end or `;`,
/// words at blanks; '…' and "…" keep what is between them, a backslash the next character (not in
/// '…'); # begins a comment where a word would. Empty commands are left out. kInvalidArgument for a
/// quote that is not closed.
[[nodiscard]] Result<std::vector<ShellWords>> split_commands(std::string_view script);

}  // namespace kelp::server
