#pragma once

#include <spdlog/spdlog.h>

#include <memory>
#include <string>
#include <string_view>

#include "kelp/result.h"

namespace kelp {

/// The logger of a room, made at first use and kept. Lines read `event key=value …`; values from
/// outside go through log_value(). Thread-safe. Never logs credentials, signatures or bodies.
[[nodiscard]] spdlog::logger& logger(std::string_view room);

/// Sets the level of every logger: trace, debug, info, warn, error. kInvalidArgument otherwise.
[[nodiscard]] Result<void> set_log_level(std::string_view level);

/// `value` fit for a log line: control bytes, quotes, `=` and spaces escaped or quoted, cut at 256
/// bytes.
[[nodiscard]] std::string log_value(std::string_view value);

}  // namespace kelp
