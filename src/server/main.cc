#include <fmt/format.h>

#include "kelp/version.h"
#include "server/commands.h"

int main(int argc, char** argv) {
  int exit_code = 0;
  CLI::App app("Kelp: an S3-compatible object store");
  app.name("kelp");
  app.require_subcommand(1);
  app.set_version_flag("--version", fmt::format("kelp {}", kelp::kVersion));
  kelp::server::add_server_command(app, exit_code);
  kelp::server::add_daemon_commands(app, exit_code);
  kelp::server::add_filer_rebuild_command(app, exit_code);
  kelp::server::add_volume_commands(app, exit_code);
  kelp::server::add_cluster_command(app, exit_code);
  kelp::server::add_shell_command(app, exit_code);
  kelp::server::add_health_command(app, exit_code);
  kelp::server::add_config_command(app, exit_code);
  kelp::server::add_fsck_command(app, exit_code);
  kelp::server::add_meta_command(app, exit_code);
  kelp::server::add_mount_command(app, exit_code);
  kelp::server::add_import_command(app, exit_code);
  kelp::server::add_kms_command(app, exit_code);
  kelp::server::add_trace_command(app, exit_code);
  kelp::server::add_certs_command(app, exit_code);
  app.add_subcommand("version", "Print the version")->callback([] {
    fmt::print("kelp {}\n", kelp::kVersion);
  });
  CLI11_PARSE(app, argc, argv);
  return exit_code;
}
