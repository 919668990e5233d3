#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>

#include "os/posix_file_io.h"
#include "server/commands.h"

namespace kelp::server {
namespace {
constexpr std::uint64_t kConfigLimitBytes = 1 << 20;
}

void ConfigFlags::add_to(CLI::App& command) {
  command.add_option("--config", config_file, "TOML file")->envname("KELP_CONFIG");
  command.add_option("--set", set, "key=value, for any key that `kelp config` prints")
      ->allow_extra_args(false);
  add_named(command, "--dir", "dir");
}

void ConfigFlags::add_named(CLI::App& command, const std::string& flag, std::string key) {
  const Setting* setting = find_setting(key);
  auto keep = [this, key](const std::string& value) { named.emplace_back(key, value); };
  command.add_option_function<std::string>(flag, std::move(keep), std::string(setting->help));
}

Result<LoadedConfig> ConfigFlags::load() const {
  ConfigSources sources;
  sources.environment = process_environment();
  if (!config_file.empty()) {
    const auto io = make_posix_file_io();
    sources.file_name = config_file;
    KELP_TRY(sources.file_text, read_whole_file(*io, config_file, kConfigLimitBytes));
  }
  for (const std::string& pair : set) {
    const std::size_t equals = pair.find('=');
    if (equals == std::string::npos) {
      return Error(Errc::kInvalidArgument, fmt::format("--set {}: write key=value", pair));
    }
    sources.flags.emplace_back(pair.substr(0, equals), pair.substr(equals + 1));
  }
  sources.flags.insert(sources.flags.end(), named.begin(), named.end());
  return load_config(sources);
}

int fail(const Error& error) {
  std::fflush(stdout);
  const bool usage = error.code() == Errc::kInvalidArgument;
  fmt::print(stderr, "kelp: {}\n", usage ? error.detail() : error.message());
  return 1;
}

}  // namespace kelp::server
