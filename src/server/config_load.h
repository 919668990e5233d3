#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/config.h"

namespace kelp::server {

/// Where values come from besides the defaults, weakest first.
struct ConfigSources {
  std::string file_name;                                         ///< For messages; empty: no file.
  std::string file_text;                                         ///< TOML.
  std::vector<std::pair<std::string, std::string>> environment;  ///< All variables; ours are KELP_.
  std::vector<std::pair<std::string, std::string>> flags;        ///< Key and value, in order.
};

/// A checked configuration and where its values came from.
struct LoadedConfig {
  Config config;
  Origins origins;
};

/// Defaults < file < environment < flags, then check_config().
///
/// kInvalidArgument for broken TOML, an unknown key (naming file, line and the nearest known key),
/// a value of the wrong kind or out of range, and a KELP_ variable that looks like a misspelt one.
/// Other unknown KELP_ variables are left alone: orchestrators make such (KELP_PORT).
[[nodiscard]] Result<LoadedConfig> load_config(const ConfigSources& sources);

/// The known key that `text` is most likely meant to be.
[[nodiscard]] std::string nearest_key(std::string_view text);

/// The process's environment as pairs.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> process_environment();

}  // namespace kelp::server
