#include <fmt/format.h>

#include <boost/json.hpp>
#include <cstdio>

#include "os/posix_file_io.h"
#include "server/cluster_link.h"
#include "server/cluster_text.h"
#include "server/commands.h"
#include "server/key_file.h"

namespace kelp::server {
namespace {

/// What every `kelp cluster` command is told.
struct ClusterFlags {
  ConfigFlags config;
  bool json = false;
  std::string node;
  std::string address;
  std::uint64_t id = 0;
  std::uint32_t volume = 0;
  std::string from;
  std::string to;
};

using Work = std::function<Task<Result<void>>(RpcMasterClient&, const ClusterFlags&)>;

Task<void> run_work(ClusterLink& link, Work work, const ClusterFlags& flags, bool changes,
                    Result<void>& outcome) {
  if (changes) {
    outcome = co_await link.lock().run(work(link.masters(), flags));
  } else {
    outcome = co_await work(link.masters(), flags);
  }
}

/// Connects to the masters that the configuration names and does `work` there; under the lock of
/// operators when it `changes` something.
Result<void> with_masters(const ClusterFlags& flags, Work work, bool changes) {
  KELP_TRY(const LoadedConfig loaded, flags.config.load());
  KELP_TRY(const auto link, ClusterLink::open(loaded.config));
  Result<void> outcome;
  link->run(run_work(*link, std::move(work), flags, changes, outcome));
  return outcome;
}

Result<void> init(const ClusterFlags& flags) {
  KELP_TRY(const LoadedConfig loaded, flags.config.load());
  const auto io = make_posix_file_io();
  const std::string& dir = loaded.config.dir;
  if (dir.empty()) return Error(Errc::kInvalidArgument, "say where: --dir DIR");
  KELP_TRY(const DataDir data, open_data_dir(*io, dir, keys_of_environment(), true));
  if (!data.first_start) {
    return Error(Errc::kAlreadyExists, fmt::format("{}/cluster is there already", dir));
  }
  KELP_CHECK(make_key_ring(*io, dir + "/keyring"));
  fmt::print(
      "cluster {}\n  {}/cluster      give it to every daemon (--cluster-file); secret\n"
      "  {}/credentials  the administrator's S3 keys; gateways read it\n"
      "  {}/keyring      encrypts what is stored encrypted; gateways read it, keep a copy\n",
      data.identity.cluster_id, dir, dir, dir);
  return {};
}

Task<Result<void>> status(RpcMasterClient& masters, const ClusterFlags& flags) {
  KELP_CO_TRY(const ClusterView view, co_await masters.view());
  const std::string text =
      flags.json ? boost::json::serialize(json_of(view)) + "\n" : text_of(view);
  std::fputs(text.c_str(), stdout);
  co_return Result<void>();
}

Task<Result<void>> add_master(RpcMasterClient& masters, const ClusterFlags& flags) {
  return masters.add_master(flags.id, flags.address);
}
Task<Result<void>> remove_master(RpcMasterClient& masters, const ClusterFlags& flags) {
  return masters.remove_master(flags.id);
}
Task<Result<void>> transfer(RpcMasterClient& masters, const ClusterFlags& flags) {
  return masters.transfer_leadership(flags.id == 0 ? std::nullopt : std::optional(flags.id));
}
Task<Result<void>> drain(RpcMasterClient& masters, const ClusterFlags& flags) {
  return masters.set_node_intent(flags.node, NodeIntent::kDraining);
}
Task<Result<void>> maintain(RpcMasterClient& masters, const ClusterFlags& flags) {
  return masters.set_node_intent(flags.node, NodeIntent::kMaintenance);
}
Task<Result<void>> activate(RpcMasterClient& masters, const ClusterFlags& flags) {
  return masters.set_node_intent(flags.node, NodeIntent::kActive);
}
Task<Result<void>> remove_node(RpcMasterClient& masters, const ClusterFlags& flags) {
  return masters.remove_node(flags.node);
}
Task<Result<void>> move(RpcMasterClient& masters, const ClusterFlags& flags) {
  KELP_CO_TRY(const std::uint64_t job,
              co_await masters.move_volume(VolumeId{flags.volume}, flags.from, flags.to));
  fmt::print("job {}\n", job);
  co_return Result<void>();
}
Task<Result<void>> pause(RpcMasterClient& masters, const ClusterFlags&) {
  return masters.pause_jobs(true);
}
Task<Result<void>> resume(RpcMasterClient& masters, const ClusterFlags&) {
  return masters.pause_jobs(false);
}

/// A subcommand of `kelp cluster` with what it needs to know.
CLI::App* add(CLI::App& cluster, const std::shared_ptr<ClusterFlags>& flags, int& exit_code,
              const std::string& name, const std::string& help, Work work, bool changes = true) {
  CLI::App* command = cluster.add_subcommand(name, help);
  flags->config.add_to(*command);
  flags->config.add_named(*command, "--cluster-file", "cluster.file");
  flags->config.add_named(*command, "--masters", "cluster.masters");
  command->callback([flags, work = std::move(work), changes, &exit_code] {
    const auto ran = with_masters(*flags, work, changes);
    if (!ran.has_value()) exit_code = fail(ran.error());
  });
  return command;
}

}  // namespace

void add_cluster_command(CLI::App& app, int& exit_code) {
  CLI::App* cluster = app.add_subcommand("cluster", "Make a cluster, look at it, change it");
  cluster->require_subcommand(1);
  const auto make_flags = [] { return std::make_shared<ClusterFlags>(); };

  auto flags = make_flags();
  CLI::App* begin = cluster->add_subcommand("init", "Make a cluster's identity and keys in --dir");
  flags->config.add_to(*begin);
  begin->callback([flags, &exit_code] {
    if (const auto ran = init(*flags); !ran.has_value()) exit_code = fail(ran.error());
  });

  flags = make_flags();
  add(*cluster, flags, exit_code, "status", "Masters, nodes, volumes and jobs", status, false)
      ->add_flag("--json", flags->json, "for programs");

  flags = make_flags();
  CLI::App* join = add(*cluster, flags, exit_code, "add-master",
                       "Let a master that runs with master.join take part", add_master);
  join->add_option("id", flags->id, "its id")->required();
  join->add_option("address", flags->address, "host:port of its rpc")->required();

  flags = make_flags();
  add(*cluster, flags, exit_code, "remove-master", "Take a master out of the group", remove_master)
      ->add_option("id", flags->id, "its id")
      ->required();

  flags = make_flags();
  add(*cluster, flags, exit_code, "transfer", "Give leadership to another master", transfer)
      ->add_option("id", flags->id, "to whom; nobody: whoever is furthest");

  const std::tuple<const char*, const char*, Work> node_commands[] = {
      {"drain", "Move everything off a volume server", drain},
      {"maintain", "A volume server will be away for a while: do not repair around it", maintain},
      {"activate", "End drain or maintain", activate},
      {"remove-node", "Forget an empty volume server", remove_node}};
  for (const auto& [name, help, work] : node_commands) {
    flags = make_flags();
    add(*cluster, flags, exit_code, name, help, work)
        ->add_option("node", flags->node, "its node id, as `status` says")
        ->required();
  }

  flags = make_flags();
  CLI::App* moving =
      add(*cluster, flags, exit_code, "move", "Move a volume's copy to another node", move);
  moving->add_option("volume", flags->volume, "its id")->required();
  moving->add_option("from", flags->from, "node id")->required();
  moving->add_option("to", flags->to, "node id")->required();

  add(*cluster, make_flags(), exit_code, "pause", "Start no more jobs", pause);
  add(*cluster, make_flags(), exit_code, "resume", "Start jobs again", resume);
}

}  // namespace kelp::server
