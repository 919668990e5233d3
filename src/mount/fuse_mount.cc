#include "mount/fuse_mount.h"

#include <fmt/format.h>
#include <sys/mount.h>
#include <unistd.h>

#include <csignal>
#include <memory>
#include <vector>

#include "base/log.h"
#include "mount/fuse_calls.h"
#include "os/posix_file_io.h"
#include "os/system_clock.h"

namespace kelp::mount {
namespace {

// Each may wait for the gateway; more are not started.
constexpr unsigned kThreads = 32;

// After a signal the mount ends by itself within so many seconds, or is ended.
constexpr unsigned kEndSeconds = 5;

// What the signal handlers end.
HttpCalls* running_calls = nullptr;
fuse_session* running_session = nullptr;
const char* running_directory = nullptr;

void end_on_signal(int /*signal*/) {
  running_calls->stop();
  fuse_session_exit(running_session);
  ::alarm(kEndSeconds);
}

// libfuse's own waits have no deadline: a thread that is stuck in one must not keep the mount.
void end_now(int /*signal*/) {
  ::umount2(running_directory, MNT_DETACH);  // who may not: the kernel ends it with the process
  ::_exit(1);
}

void handle_signals() {
  struct sigaction action{};
  action.sa_handler = end_on_signal;
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaction(signal, &action, nullptr);
  action.sa_handler = end_now;
  sigaction(SIGALRM, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

Error error_of(Errno why, const MountOptions& options) {
  const std::string where = fmt::format("{} at {}", options.source, options.endpoint);
  switch (why.number) {
    case ENOENT:
      return {Errc::kNotFound, fmt::format("{}: there is no such bucket", where)};
    case EACCES:
      return {Errc::kPermissionDenied, fmt::format("{}: the keys do not open it", where)};
    default:
      return {Errc::kUnavailable, fmt::format("{}: no answer that is one of S3", where)};
  }
}

/// The command line that libfuse wants.
std::vector<std::string> words_of(const MountOptions& options) {
  std::string mount_options =
      fmt::format("fsname=kelp:{},subtype=kelp,default_permissions", options.source);
  if (options.read_only) mount_options += ",ro";
  if (options.allow_other) mount_options += ",allow_other";
  return {"kelp", "-o", mount_options};
}

Result<void> serve(FuseWorld& world, HttpCalls& http, const MountOptions& options) {
  const fuse_operations calls = fuse_calls();
  std::vector<std::string> words = words_of(options);
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  fuse_args args = FUSE_ARGS_INIT(static_cast<int>(arguments.size()), arguments.data());
  const std::unique_ptr<fuse, decltype(&fuse_destroy)> fuse(
      fuse_new(&args, &calls, sizeof calls, &world), &fuse_destroy);
  fuse_opt_free_args(&args);
  if (fuse == nullptr) return Error(Errc::kIo, "libfuse refuses the options");
  if (fuse_mount(fuse.get(), options.directory.c_str()) != 0) {
    return Error(Errc::kIo, fmt::format("{}: cannot be mounted on", options.directory));
  }
  running_calls = &http;
  running_session = fuse_get_session(fuse.get());
  running_directory = options.directory.c_str();
  handle_signals();
  logger("mount").info("mounted source={} directory={} endpoint={}", log_value(options.source),
                       log_value(options.directory), log_value(options.endpoint));
  fuse_loop_config* config = fuse_loop_cfg_create();
  fuse_loop_cfg_set_max_threads(config, kThreads);
  const int ended = fuse_loop_mt(fuse.get(), config);
  fuse_loop_cfg_destroy(config);
  http.stop();
  ::alarm(0);
  fuse_unmount(fuse.get());
  world.files.end();
  logger("mount").info("unmounted directory={}", log_value(options.directory));
  if (ended < 0) return Error(Errc::kIo, fmt::format("libfuse ended with {}", ended));
  return {};
}

}  // namespace

Result<void> run_mount(const MountOptions& options) {
  KELP_TRY(const Source source, parse_source(options.source));
  const SystemClock clock;
  const auto io = make_posix_file_io();
  const auto timeout = std::chrono::ceil<std::chrono::milliseconds>(options.timeout);
  HttpCalls http(options.endpoint, timeout, clock);
  Bucket bucket(http, source.bucket, options.keys, clock, timeout);
  if (const auto there = bucket.list({.prefix = source.prefix, .limit = 1}); !there) {
    return error_of(there.error(), options);
  }
  SpoolRoom spools{.io = *io, .dir = options.temporary_dir, .limit_bytes = options.temporary_bytes};
  FileSystem files({.bucket = bucket,
                    .spools = spools,
                    .clock = clock,
                    .read_ahead_bytes = options.read_ahead_bytes},
                   source.prefix);
  FuseWorld world{.files = files, .uid = options.uid, .gid = options.gid, .umask = options.umask};
  return serve(world, http, options);
}

}  // namespace kelp::mount
