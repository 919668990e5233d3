#include <fmt/format.h>
#include <unistd.h>

#include "base/config_value.h"
#include "base/log.h"
#include "mount/fuse_mount.h"
#include "os/posix_file_io.h"
#include "server/commands.h"

namespace kelp::server {
namespace {

struct MountFlags {
  mount::MountOptions options;
  std::string dir;
  std::string timeout = "30s";
  std::string read_ahead = "8MiB";
  std::string temporary_limit = "10GiB";
  std::string umask = "022";
  std::string log_level = "info";
};

/// The keys of the environment, else those that a server left in --dir.
Result<KeyPair> keys_of(const MountFlags& flags) {
  if (auto keys = keys_of_environment()) return *std::move(keys);
  if (flags.dir.empty()) {
    return Error(Errc::kUnauthenticated,
                 "no keys: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or say --dir");
  }
  const auto io = make_posix_file_io();
  KELP_TRY(ClusterIdentity identity, read_cluster_file(*io, flags.dir + "/cluster", std::nullopt));
  return std::move(identity.admin);
}

Result<mode_t> parse_umask(const std::string& text) {
  mode_t mask = 0;
  for (const char c : text) {
    if (c < '0' || c > '7' || mask > 077) {
      return Error(Errc::kInvalidArgument, fmt::format("--umask {}: is not octal", text));
    }
    mask = mask * 8 + static_cast<mode_t>(c - '0');
  }
  return mask;
}

Result<void> run(MountFlags& flags) {
  KELP_CHECK(set_log_level(flags.log_level));
  mount::MountOptions& options = flags.options;
  KELP_TRY(KeyPair keys, keys_of(flags));
  options.keys.access_key = std::move(keys.access_key);
  options.keys.secret_key = std::move(keys.secret_key);
  KELP_TRY(options.timeout, parse_duration(flags.timeout));
  if (options.timeout < std::chrono::milliseconds(100)) {
    return Error(Errc::kInvalidArgument, "--timeout is at least 100ms");
  }
  KELP_TRY(options.read_ahead_bytes, parse_bytes(flags.read_ahead));
  KELP_TRY(options.temporary_bytes, parse_bytes(flags.temporary_limit));
  KELP_TRY(options.umask, parse_umask(flags.umask));
  if (!options.endpoint.contains("://")) options.endpoint.insert(0, "http://");
  return mount::run_mount(options);
}

}  // namespace

void add_mount_command(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "mount", "Show a bucket as a directory (FUSE), until it is unmounted or this is ended");
  const auto flags = std::make_shared<MountFlags>();
  mount::MountOptions& options = flags->options;
  options.uid = ::getuid();
  options.gid = ::getgid();
  command->add_option("SOURCE", options.source, "BUCKET or BUCKET/PREFIX")->required();
  command->add_option("DIRECTORY", options.directory, "where: an empty directory")->required();
  command->add_option("--endpoint", options.endpoint, "the S3 gateway")->capture_default_str();
  command->add_option("--region", options.keys.region, "that requests are signed for")
      ->capture_default_str();
  command->add_option("--dir", flags->dir,
                      "the folder of a kelp server: its keys, unless the environment has some");
  command->add_option("--timeout", flags->timeout, "of a call of the gateway, repeated or not")
      ->capture_default_str();
  command->add_option("--read-ahead", flags->read_ahead, "at most so much; 0: none")
      ->capture_default_str();
  command
      ->add_option("--temporary-dir", options.temporary_dir,
                   "for what is written until it has gone up")
      ->capture_default_str();
  command
      ->add_option("--temporary-limit", flags->temporary_limit,
                   "what may lie there; then writes get ENOSPC")
      ->capture_default_str();
  command->add_option("--uid", options.uid, "whose the files are")->capture_default_str();
  command->add_option("--gid", options.gid, "whose the files are")->capture_default_str();
  command->add_option("--umask", flags->umask, "taken from 0666 of files, 0777 of directories")
      ->capture_default_str();
  command->add_flag("--read-only", options.read_only, "nothing can be changed through it");
  command->add_flag("--allow-other", options.allow_other, "other users than this one may look");
  command->add_option("--log-level", flags->log_level, "trace, debug, info, warn, error")
      ->capture_default_str();
  command->callback([flags, &exit_code] {
    const auto done = run(*flags);
    if (!done.has_value()) exit_code = fail(done.error());
  });
}

}  // namespace kelp::server
