#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"

namespace kelp {

/// What a line of the log is made of.
struct LogRecord {
  WallTime at;
  std::string_view level;    ///< E.g. "warning".
  std::string_view room;     ///< Whose logger wrote it.
  std::string_view message;  ///< `event key=value …`, values as log_value() made them.
};

/// A record as one line of JSON, without a line break:
/// {"ts":"2026-01-31T09:05:07.042Z","level":…,"room":…,"event":…,KEY:VALUE,…,"msg":…}.
/// All values are texts, of which log_value()'s escapes are undone. `msg` is there when something
/// is left: words without a `=`, and those whose key is there already. Bytes that are no UTF-8
/// become U+FFFD.
[[nodiscard]] std::string json_log_line(const LogRecord& record);

/// From now on the lines of all loggers are JSON. Thread-safe.
void log_as_json();

}  // namespace kelp
