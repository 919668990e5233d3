#include <fmt/format.h>

#include "server/commands.h"

namespace kelp::server {

void add_config_command(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("config", "Print the effective values and their origin");
  const auto flags = std::make_shared<ConfigFlags>();
  flags->add_to(*command);
  command->callback([flags, &exit_code] {
    const auto loaded = flags->load();
    if (!loaded.has_value()) {
      exit_code = fail(loaded.error());
      return;
    }
    fmt::print("{}", print_config(loaded->config, loaded->origins));
  });
}

}  // namespace kelp::server
