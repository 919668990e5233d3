#pragma once

#include <toml++/toml.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kelp/result.h"

namespace kelp::server {

/// Parses a TOML document; `name` is for messages. kInvalidArgument naming file and line.
[[nodiscard]] Result<toml::table> parse_toml(std::string_view text, const std::string& name);

/// The words of a list as the configuration hands them on, with commas between them.
[[nodiscard]] std::vector<std::string> split_words(std::string_view text);

/// A TOML string literal for `text`, which has no control characters.
[[nodiscard]] std::string toml_quoted(std::string_view text);

/// Values as they are written in TOML: sizes and times in the largest unit that divides them.
[[nodiscard]] std::string toml_value(const std::string& value);
[[nodiscard]] std::string toml_value(bool value);
[[nodiscard]] std::string toml_value(double value);
[[nodiscard]] std::string toml_value(std::uint64_t value);
[[nodiscard]] std::string toml_value(std::chrono::nanoseconds value);
[[nodiscard]] std::string toml_value(const std::vector<std::string>& values);

}  // namespace kelp::server
