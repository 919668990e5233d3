#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "base/log.h"
#include "kelp/version.h"
#include "os/posix_file_io.h"
#include "os/system_clock.h"
#include "server/commands.h"
#include "server/daemon.h"
#include "server/internal_network.h"
#include "server/process.h"
#include "server/supervisor.h"

namespace kelp::server {
namespace {

struct DaemonFlags {
  ConfigFlags config;
  std::string ready_file;
};

/// A server that had one directory and now lists others must not leave its volumes behind.
Result<void> refuse_forgotten(const Config& config, FileIo& io) {
  if (config.dir.empty()) return {};
  const auto& disks = config.volume.disks;
  if (std::ranges::find(disks, config.dir, &VolumeDiskConfig::path) != disks.end()) return {};
  KELP_TRY(const bool there, io.exists(volume_dir(config.dir)));
  if (!there) return {};
  return Error(Errc::kInvalidArgument,
               fmt::format("{} has volumes and is no [[volume.disk]]: list it too", config.dir));
}

/// The cluster that the configuration names, and the directory, locked. A gateway keeps nothing.
Result<DataDir> open_directory(Role role, const Config& config, FileIo& io) {
  const std::string path =
      config.cluster.file.empty() ? config.dir + "/cluster" : config.cluster.file;
  KELP_TRY(ClusterIdentity identity, read_cluster_file(io, path, keys_of_environment()));
  if (role == Role::kS3 && identity.admin.access_key.empty()) {
    return Error(Errc::kInvalidArgument,
                 "a gateway needs the administrator's keys: the file `credentials` beside the "
                 "cluster's, or KELP_ACCESS_KEY and KELP_SECRET_KEY");
  }
  if (role == Role::kS3) return DataDir{nullptr, std::move(identity), false};
  if (role == Role::kVolume && !config.volume.disks.empty()) {
    KELP_CHECK(refuse_forgotten(config, io));
  } else if (config.dir.empty()) {
    return Error(Errc::kInvalidArgument, "say where to keep everything: --dir DIR, or KELP_DIR");
  }
  // Its disks are locked one by one, when they are opened.
  if (role == Role::kVolume) return DataDir{nullptr, std::move(identity), false};
  return join_data_dir(io, config.dir, identity);
}

void print_welcome(Role role, const Addresses& addresses) {
  fmt::print("Kelp {} {}", kVersion, name_of(role));
  if (!addresses.rpc.empty()) fmt::print(", rpc on {}", addresses.rpc);
  if (!addresses.s3.empty()) fmt::print(", S3 on http://{}", addresses.s3);
  if (!addresses.s3_tls.empty()) fmt::print(" and https://{}", addresses.s3_tls);
  if (!addresses.files.empty()) fmt::print(", files on http://{}", addresses.files);
  if (!addresses.files_tls.empty()) fmt::print(", files on https://{}", addresses.files_tls);
  if (!addresses.master_http.empty()) fmt::print(", HTTP on http://{}", addresses.master_http);
  if (!addresses.volume_http.empty()) fmt::print(", HTTP on http://{}", addresses.volume_http);
  if (!addresses.admin.empty()) fmt::print(", admin on http://{}", addresses.admin);
  fmt::print("\n");
  std::fflush(stdout);
}

Result<void> run(Role role, const DaemonFlags& flags) {
  KELP_TRY(LoadedConfig loaded, flags.config.load());
  const Config& config = loaded.config;
  KELP_CHECK(begin_log(config));
  Signals signals(uses_tls(config) || uses_cluster_tls(config) || !config.s3.audit_log.empty() ||
                  role == Role::kVolume || has_supervisor());
  prepare_process();
  if (role == Role::kVolume) keep_pieces();
  const auto io = make_posix_file_io();
  SystemClock clock;
  KELP_TRY(const DataDir data, open_directory(role, config, *io));
  KELP_TRY(const auto daemon, Daemon::start(role, config, data.identity, *io, clock));
  if (config.log_format == "json") {
    log_started(name_of(role), daemon->addresses());
  } else {
    print_welcome(role, daemon->addresses());
  }
  if (!flags.ready_file.empty()) {
    KELP_CHECK(write_ready_file(*io, flags.ready_file, daemon->addresses()));
  }
  tell_supervisor("READY=1");
  while (signals.wait() == Signal::kReload) {
    if (auto again = flags.config.load(); again.has_value()) {
      loaded = *std::move(again);
    } else {
      logger("server").error("reload_failed error={}", log_value(again.error().message()));
    }
    daemon->reload(loaded.config);
  }
  tell_supervisor("STOPPING=1");
  daemon->stop();
  return {};
}

void add_one(CLI::App& app, int& exit_code, Role role, const std::string& help) {
  CLI::App* command = app.add_subcommand(std::string(name_of(role)), help);
  const auto flags = std::make_shared<DaemonFlags>();
  flags->config.add_to(*command);
  flags->config.add_named(*command, "--cluster-file", "cluster.file");
  flags->config.add_named(*command, "--masters", "cluster.masters");
  flags->config.add_named(*command, "--admin-listen", "admin.listen");
  if (role == Role::kMaster) {
    flags->config.add_named(*command, "--id", "master.id");
    flags->config.add_named(*command, "--listen", "master.listen");
    flags->config.add_named(*command, "--http-listen", "master.http_listen");
    flags->config.add_named(*command, "--spread", "master.spread");
    flags->config.add_named(*command, "--large", "master.large");
    flags->config.add_named(*command, "--seal", "master.seal");
    flags->config.add_named(*command, "--join", "master.join");
  } else if (role == Role::kVolume) {
    flags->config.add_named(*command, "--listen", "volume.listen");
    flags->config.add_named(*command, "--address", "volume.address");
    flags->config.add_named(*command, "--http-listen", "volume.http_listen");
    flags->config.add_named(*command, "--data-centre", "volume.data_centre");
    flags->config.add_named(*command, "--rack", "volume.rack");
  } else if (role == Role::kFiler) {
    flags->config.add_named(*command, "--listen", "filer.listen");
    add_filer_tail_command(*command, exit_code);
  } else {
    flags->config.add_named(*command, "--filers", "cluster.filers");
    flags->config.add_named(*command, "--listen", "s3.listen");
    flags->config.add_named(*command, "--tls-listen", "s3.tls_listen");
    flags->config.add_named(*command, "--tls-cert", "s3.tls_cert");
    flags->config.add_named(*command, "--tls-key", "s3.tls_key");
    flags->config.add_named(*command, "--tls-dir", "s3.tls_dir");
    flags->config.add_named(*command, "--filer-http", "filer.http_listen");
    flags->config.add_named(*command, "--filer-https", "filer.https_listen");
  }
  command->add_option("--ready-file", flags->ready_file,
                      "written as JSON once requests are taken: addresses and pid");
  command->callback([flags, role, command, &exit_code] {
    if (!command->get_subcommands().empty()) return;  // kelp volume dump, kelp filer tail
    if (const auto ran = run(role, *flags); !ran.has_value()) exit_code = fail(ran.error());
  });
}

}  // namespace

void add_daemon_commands(CLI::App& app, int& exit_code) {
  add_one(app, exit_code, Role::kMaster, "Run a master of a cluster");
  add_one(app, exit_code, Role::kVolume, "Run a volume server of a cluster");
  add_one(app, exit_code, Role::kFiler, "Run a filer of a cluster");
  add_one(app, exit_code, Role::kS3, "Run an S3 gateway of a cluster");
}

}  // namespace kelp::server
