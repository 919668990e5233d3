#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

#include "base/log.h"
#include "kelp/version.h"
#include "os/posix_file_io.h"
#include "os/system_clock.h"
#include "server/commands.h"
#include "server/data_dir.h"
#include "server/internal_network.h"
#include "server/process.h"
#include "server/server.h"
#include "server/supervisor.h"

namespace kelp::server {
namespace {

struct ServerFlags {
  ConfigFlags config;
  std::string ready_file;
};

void print_welcome(const Config& config, const DataDir& data, bool keys_given,
                   const Addresses& addresses) {
  const KeyPair& keys = data.identity.admin;
  fmt::print("Kelp {} serves {} (durability: {})\n", kVersion, config.dir, config.durability);
  fmt::print("  S3     http://{}\n", addresses.s3);
  if (!addresses.s3_tls.empty()) fmt::print("  S3     https://{}\n", addresses.s3_tls);
  if (!addresses.files.empty()) {
    fmt::print("  files  http://{}/buckets/ (WebDAV: /dav/)\n", addresses.files);
  }
  if (!addresses.files_tls.empty()) {
    fmt::print("  files  https://{}/buckets/ (WebDAV: /dav/)\n", addresses.files_tls);
  }
  if (!addresses.admin.empty()) {
    fmt::print("  admin  http://{} (/metrics /healthz /readyz)\n", addresses.admin);
  }
  if (!addresses.volume_http.empty()) {
    fmt::print("  volume http://{} (needles by file id)\n", addresses.volume_http);
  }
  if (!addresses.master_http.empty()) {
    fmt::print("  master http://{} (/dir/status /cluster/status)\n", addresses.master_http);
  }
  if (!addresses.rpc.empty()) {
    fmt::print("  shell  kelp shell --dir {0} --masters 1={1} --filers {1}\n", config.dir,
               addresses.rpc);
  }
  if (data.first_start && !keys_given) {
    fmt::print(
        "\nThe administrator's keys, shown this once and kept in {}/credentials:\n"
        "  export AWS_ACCESS_KEY_ID={} AWS_SECRET_ACCESS_KEY={}\n",
        config.dir, keys.access_key, keys.secret_key);
  } else if (keys_given) {
    fmt::print("The administrator's keys are those of the environment.\n");
  } else {
    fmt::print("The administrator's keys are in {}/credentials.\n", config.dir);
  }
  fmt::print("\nTry it:\n  aws --endpoint-url http://{} s3 mb s3://my-first-bucket\n",
             addresses.s3);
  std::fflush(stdout);
}

Result<void> run(const ServerFlags& flags) {
  KELP_TRY(const LoadedConfig loaded, flags.config.load());
  const Config& config = loaded.config;
  if (config.dir.empty()) {
    return Error(Errc::kInvalidArgument, "say where to keep everything: --dir DIR, or KELP_DIR");
  }
  KELP_CHECK(begin_log(config));
  Signals signals(uses_tls(config) || uses_cluster_tls(config) || !config.s3.audit_log.empty() ||
                  has_supervisor());
  prepare_process();
  const auto io = make_posix_file_io();
  SystemClock clock;
  const auto keys = keys_of_environment();
  KELP_TRY(const DataDir data, open_data_dir(*io, config.dir, keys, true));
  KELP_TRY(const auto server, Server::start(config, data.identity, *io, clock));
  if (config.log_format == "json") {
    log_started("server", server->addresses());
  } else {
    print_welcome(config, data, keys.has_value(), server->addresses());
  }
  if (!flags.ready_file.empty()) {
    KELP_CHECK(write_ready_file(*io, flags.ready_file, server->addresses()));
  }
  tell_supervisor("READY=1");
  while (signals.wait() == Signal::kReload) server->reload_tls();
  tell_supervisor("STOPPING=1");
  server->stop();
  return {};
}

}  // namespace

void add_server_command(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("server", "Run all of Kelp in this process");
  const auto flags = std::make_shared<ServerFlags>();
  flags->config.add_to(*command);
  flags->config.add_named(*command, "--listen", "s3.listen");
  flags->config.add_named(*command, "--tls-listen", "s3.tls_listen");
  flags->config.add_named(*command, "--tls-cert", "s3.tls_cert");
  flags->config.add_named(*command, "--tls-key", "s3.tls_key");
  flags->config.add_named(*command, "--tls-dir", "s3.tls_dir");
  flags->config.add_named(*command, "--filer-http", "filer.http_listen");
  flags->config.add_named(*command, "--filer-https", "filer.https_listen");
  flags->config.add_named(*command, "--admin-listen", "admin.listen");
  flags->config.add_named(*command, "--master-http-listen", "master.http_listen");
  flags->config.add_named(*command, "--volume-http-listen", "volume.http_listen");
  flags->config.add_named(*command, "--rpc-listen", "server.rpc_listen");
  flags->config.add_named(*command, "--durability", "durability");
  command->add_option("--ready-file", flags->ready_file,
                      "written as JSON once requests are taken: addresses and pid");
  command->callback([flags, &exit_code] {
    if (const auto ran = run(*flags); !ran.has_value()) exit_code = fail(ran.error());
  });
}

}  // namespace kelp::server
