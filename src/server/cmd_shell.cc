#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <optional>

#include "async/task_group.h"
#include "server/cluster_link.h"
#include "server/commands.h"
#include "server/shell/line_editor.h"
#include "server/shell/shell.h"

namespace kelp::server {
namespace {

constexpr std::chrono::seconds kRenewal{30};

struct ShellFlags {
  ConfigFlags config;
  std::string script;
  bool json = false;
};

/// The cluster of a shell, connected when a command first needs it; while the shell lives it holds
/// on to the lock that was taken.
class Connection {
 public:
  explicit Connection(const ConfigFlags& flags) : flags_(flags) {}
  ~Connection() {
    if (link_ != nullptr) link_->run(end());
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  Result<ShellHost*> connect() {
    if (host_.has_value()) return &*host_;
    KELP_TRY(const LoadedConfig loaded, flags_.load());
    KELP_TRY(link_, ClusterLink::open(loaded.config));
    world_.emplace(ShellWorld{link_->masters(), link_->volumes(), link_->filer(), link_->lock(),
                              link_->clock(), link_->timers(), link_->cluster_id()});
    renewals_ = std::make_unique<TaskGroup>(link_->executor());
    link_->run(begin());
    host_.emplace(ShellHost{*world_, [this](Task<void> task) { link_->run(std::move(task)); }});
    return &*host_;
  }
  [[nodiscard]] bool locked() const { return link_ != nullptr && link_->lock().held(); }

 private:
  Task<void> begin() {
    renewals_->spawn(renew());
    co_return;
  }
  Task<void> renew() {
    while ((co_await link_->timers().sleep_until(link_->clock().mono() + kRenewal)).has_value()) {
      // The next change by hand finds out when it is lost.
      [[maybe_unused]] const auto renewed = co_await link_->lock().renew();
    }
  }
  Task<void> end() {
    renewals_->cancel();
    co_await renewals_->join();
    [[maybe_unused]] const auto given = co_await link_->lock().give_back();
  }

  const ConfigFlags& flags_;
  std::unique_ptr<ClusterLink> link_;
  std::unique_ptr<TaskGroup> renewals_;
  std::optional<ShellWorld> world_;
  std::optional<ShellHost> host_;
};

std::string read_all(std::FILE* from) {
  std::string text;
  char piece[4096];
  while (const std::size_t bytes = std::fread(piece, 1, sizeof piece, from)) {
    text.append(piece, bytes);
  }
  return text;
}

int talk(Shell& shell, const Connection& connection) {
  LineEditor editor(default_history_file(),
                    [&shell](std::string_view line) { return shell.complete(line); });
  fmt::print("`help` lists the commands, Tab completes; what changes something needs --apply.\n");
  int code = Shell::kGood;
  while (!shell.ended()) {
    const auto line = editor.read(connection.locked() ? "kelp (locked)> " : "kelp> ");
    if (!line.has_value()) {
      fmt::print("\n");
      break;
    }
    code = shell.run(*line);
  }
  return code;
}

int run(const ShellFlags& flags) {
  std::signal(SIGPIPE, SIG_IGN);
  Connection connection(flags.config);
  Shell shell([&connection] { return connection.connect(); }, stdout, stderr, flags.json);
  if (!flags.script.empty()) return shell.run(flags.script);
  if (::isatty(STDIN_FILENO) == 0) return shell.run(read_all(stdin));
  return talk(shell, connection);
}

void add_cluster_flags(ConfigFlags& config, CLI::App& command) {
  config.add_to(command);
  config.add_named(command, "--cluster-file", "cluster.file");
  config.add_named(command, "--masters", "cluster.masters");
}

/// `kelp volume scrub`: the shell's volume.scrub, for those who look for it beside the daemon.
void add_scrub_command(CLI::App& app, int& exit_code) {
  CLI::App* command = app.get_subcommand("volume")->add_subcommand(
      "scrub",
      "Read every byte that the volume servers of a cluster keep and check it; exit code 1: "
      "something is damaged or could not be read");
  struct Flags : ShellFlags {
    std::optional<std::uint32_t> volume;
    std::string node;
  };
  const auto flags = std::make_shared<Flags>();
  add_cluster_flags(flags->config, *command);
  command->add_option("VOLUME", flags->volume, "only this one");
  command->add_option("--node", flags->node, "only what this volume server has: its id or address");
  command->add_flag("--json", flags->json, "the answer is a JSON value on a line");
  command->callback([flags, &exit_code] {
    flags->script = "volume.scrub";
    if (flags->volume) flags->script += fmt::format(" {}", *flags->volume);
    if (!flags->node.empty()) flags->script += fmt::format(" --node '{}'", flags->node);
    exit_code = run(*flags);
  });
}

}  // namespace

void add_shell_command(CLI::App& app, int& exit_code) {
  add_scrub_command(app, exit_code);
  CLI::App* command = app.add_subcommand(
      "shell",
      "Look at a cluster and change it, by hand or by script; exit code 0: all went well, "
      "1: a command failed or found something wrong, 2: it was misused");
  const auto flags = std::make_shared<ShellFlags>();
  add_cluster_flags(flags->config, *command);
  flags->config.add_named(*command, "--filers", "cluster.filers");
  command->add_option("-c", flags->script,
                      "commands, divided by ; or lines (default: those of stdin)");
  command->add_flag("--json", flags->json, "every answer is a JSON value on a line");
  command->callback([flags, &exit_code] { exit_code = run(*flags); });
}

}  // namespace kelp::server
