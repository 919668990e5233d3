#include "server/commands.h"

namespace kelp::server {

void add_fsck_command(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("fsck", "Compare a stopped server's metadata and needles");
  command->callback([&exit_code] { exit_code = 1; });
}

}  // namespace kelp::server
