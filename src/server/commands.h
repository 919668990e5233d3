#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "server/config_load.h"
#include "server/data_dir.h"
#include "server/server.h"

namespace kelp::server {

/// The flags of every command that reads the configuration.
struct ConfigFlags {
  std::string config_file;
  std::vector<std::string> set;  ///< "key=value".
  /// Flags that stand for a key, by key; in the order of the command line they come after --set.
  std::vector<std::pair<std::string, std::string>> named;

  /// Adds --config, --set and --dir. This must outlive `command`.
  void add_to(CLI::App& command);
  /// Adds `flag` as another way to write `--set key=…`.
  void add_named(CLI::App& command, const std::string& flag, std::string key);
  /// Reads file, environment and flags.
  [[nodiscard]] Result<LoadedConfig> load() const;
};

/// The administrator's keys: KELP_ACCESS_KEY and KELP_SECRET_KEY, else AWS_ACCESS_KEY_ID and
/// AWS_SECRET_ACCESS_KEY, when both are set.
[[nodiscard]] std::optional<KeyPair> keys_of_environment();

/// Sets level and format of the log.
[[nodiscard]] Result<void> begin_log(const Config& config);

/// Logs that `role` takes requests, and where. For a log that machines read it stands for the words
/// to people on stdout, which are no JSON and may hold keys.
void log_started(std::string_view role, const Addresses& addresses);

/// Tells whoever waits, as JSON, where the process listens and which it is.
[[nodiscard]] Result<void> write_ready_file(FileIo& io, const std::string& path,
                                            const Addresses& addresses);

/// Prints `error` for a person and gives the exit code 1.
int fail(const Error& error);

// Each adds its subcommand. `exit_code` is set when it ran, and must outlive `app`.
void add_server_command(CLI::App& app, int& exit_code);
void add_health_command(CLI::App& app, int& exit_code);
void add_config_command(CLI::App& app, int& exit_code);
void add_fsck_command(CLI::App& app, int& exit_code);
void add_daemon_commands(CLI::App& app, int& exit_code);
void add_cluster_command(CLI::App& app, int& exit_code);
/// `filer` is the daemon's own command.
void add_filer_tail_command(CLI::App& filer, int& exit_code);
/// `kelp filer rebuild`; after add_daemon_commands().
void add_filer_rebuild_command(CLI::App& app, int& exit_code);
/// `kelp volume dump`, `verify`, `export`, `import`; after add_daemon_commands().
void add_volume_commands(CLI::App& app, int& exit_code);
/// Also `kelp volume scrub`; after add_daemon_commands().
void add_shell_command(CLI::App& app, int& exit_code);
void add_meta_command(CLI::App& app, int& exit_code);
void add_mount_command(CLI::App& app, int& exit_code);
void add_import_command(CLI::App& app, int& exit_code);
void add_kms_command(CLI::App& app, int& exit_code);
void add_trace_command(CLI::App& app, int& exit_code);
void add_certs_command(CLI::App& app, int& exit_code);

}  // namespace kelp::server
