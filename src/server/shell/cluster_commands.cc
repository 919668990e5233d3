// Masters, volume servers as machines, jobs and the lock.

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "server/cluster_text.h"
#include "server/shell/handlers.h"
#include "server/shell/table.h"

namespace kelp::server {
namespace {

namespace json = boost::json;
using Show = Column::Show;

constexpr Column kMasterColumns[] = {{"id"},      {"address"}, {"leader"},
                                     {"learner"}, {"alive"},   {"match"}};
constexpr Column kNodeColumns[] = {{"node_id"},
                                   {"address"},
                                   {"data_centre"},
                                   {"rack"},
                                   {"intent"},
                                   {"alive"},
                                   {"volumes"},
                                   {"free_bytes", Show::kBytes},
                                   {"total_bytes", Show::kBytes}};
constexpr Column kJobColumns[] = {{"id"},   {"kind"}, {"step"}, {"volume"},
                                  {"from"}, {"to"},   {"error"}};

bool is_short(const VolumeView& volume) {
  return volume.copies_healthy < volume.copies_asked;
}

json::object summary_of(const ClusterView& view, const AdminLockView& lock) {
  json::object out;
  out["cluster_id"] = view.cluster_id;
  out["term"] = view.term;
  const auto leader = std::ranges::find(view.masters, true, &MasterView::leader);
  out["leader"] = leader == view.masters.end() ? json::value() : json::value(leader->id);
  out["masters"] = view.masters.size();
  out["masters_alive"] = std::ranges::count(view.masters, true, &MasterView::alive);
  out["nodes"] = view.nodes.size();
  out["nodes_alive"] = std::ranges::count(view.nodes, true, &NodeView::alive);
  out["volumes"] = view.volumes.size();
  out["volumes_short_of_copies"] = std::ranges::count_if(view.volumes, is_short);
  std::uint64_t total = 0;
  std::uint64_t free = 0;
  for (const NodeView& node : view.nodes) {
    total += node.total_bytes;
    free += node.free_bytes;
  }
  out["total_bytes"] = total;
  out["free_bytes"] = free;
  out["jobs"] = view.jobs.size();
  out["jobs_paused"] = view.jobs_paused;
  out["locked_by"] = lock.owner.empty() ? json::value() : json::value(lock.owner);
  out["lock_expires"] = lock.owner.empty() ? json::value() : json::value(time_text(lock.expires));
  return out;
}

/// Everything in `view` that an operator should do something about.
json::array problems_of(const ClusterView& view) {
  json::array out;
  const auto add = [&out](std::string what, std::string why) {
    out.push_back({{"what", std::move(what)}, {"why", std::move(why)}});
  };
  for (const MasterView& master : view.masters) {
    if (!master.alive) add(fmt::format("master {}", master.id), "is silent");
    if (master.learner) add(fmt::format("master {}", master.id), "has no vote yet");
  }
  for (const NodeView& node : view.nodes) {
    const std::string name = "node " + node_name(view, node.identity.node_id);
    if (!node.alive) add(name, "is silent");
    if (node.intent == NodeIntent::kMaintenance) add(name, "is in maintenance");
    if (node.alive && node.free_bytes == 0) add(name, "has no room");
    if (node.slow) add(name, "has a slow disk");
  }
  for (const VolumeView& volume : view.volumes) {
    const std::string name = fmt::format("volume {}", volume.location.volume.value);
    if (is_short(volume)) {
      add(name,
          fmt::format("{} of {} copies are healthy", volume.copies_healthy, volume.copies_asked));
    }
  }
  for (const JobView& job : view.jobs) {
    if (!job.error.empty()) add(fmt::format("job {}", job.id), job.error);
  }
  if (view.jobs_paused) add("jobs", "are paused: nothing is repaired");
  return out;
}

/// Whoever answers the masters must answer us too: the shell stands where clients stand.
Task<void> check_reach(ShellWorld& world, const ClusterView& view, json::array& problems) {
  for (const NodeView& node : view.nodes) {
    if (!node.alive) continue;
    const auto reached = world.volumes.at(node.identity.address);
    const auto status = co_await reached->status();
    if (status.has_value()) continue;
    problems.push_back({{"what", "node " + node_name(view, node.identity.node_id)},
                        {"why", "cannot be reached from here: " + status.error().detail()}});
  }
  if (world.filer == nullptr) co_return;
  ListBuckets one;
  one.limit = 1;
  const auto listed = co_await world.filer->list_buckets(std::move(one));
  if (listed.has_value()) co_return;
  problems.push_back({{"what", "filer"}, {"why", listed.error().message()}});
}

/// What three commands do to a node.
Task<Result<ShellReply>> intend(ShellWorld& world, ShellArguments arguments, NodeIntent intent,
                                std::string_view what) {
  KELP_CO_TRY(const ClusterView view, co_await world.masters.view());
  KELP_CO_TRY(const NodeView node, find_node(view, arguments.get("NODE")));
  const std::string& id = node.identity.node_id;
  ShellChange change;
  if (node.intent != intent) {
    change.steps.push_back(fmt::format("{} {}", what, node_name(view, id)));
  }
  if (intent == NodeIntent::kDraining) {
    for (const VolumeView& volume : view.volumes) {
      if (!has_copy(volume, id)) continue;
      change.steps.push_back(fmt::format("move volume {} ({}) away from it",
                                         volume.location.volume.value, bytes_text(volume.bytes)));
    }
  }
  change.result["node_id"] = id;
  co_return co_await apply_or_show(world, arguments.apply, change,
                                   world.masters.set_node_intent(id, intent));
}

Task<Result<ShellReply>> pause(ShellWorld& world, ShellArguments arguments, bool paused) {
  KELP_CO_TRY(const ClusterView view, co_await world.masters.view());
  ShellChange change;
  if (view.jobs_paused != paused) {
    change.steps.emplace_back(paused ? "start no more jobs" : "start jobs again");
  }
  co_return co_await apply_or_show(world, arguments.apply, change,
                                   world.masters.pause_jobs(paused));
}

}  // namespace

Result<NodeView> find_node(const ClusterView& view, const std::string& text) {
  const NodeView* found = nullptr;
  for (const NodeView& node : view.nodes) {
    if (node.identity.node_id == text || node.identity.address == text) return node;
    if (text.empty() || !node.identity.node_id.starts_with(text)) continue;
    if (found != nullptr) {
      return Error(Errc::kInvalidArgument, fmt::format("several nodes begin with '{}'", text));
    }
    found = &node;
  }
  if (found != nullptr) return *found;
  return Error(Errc::kNotFound, fmt::format("no node '{}' in this cluster", text));
}

std::string node_name(const ClusterView& view, const std::string& node_id) {
  for (const NodeView& node : view.nodes) {
    if (node.identity.node_id != node_id) continue;
    return fmt::format("{} ({})", node.identity.address, node_id.substr(0, 8));
  }
  return node_id;
}

Task<Result<ShellReply>> cluster_status(ShellWorld& world, ShellArguments) {
  KELP_CO_TRY(const ClusterView view, co_await world.masters.view());
  KELP_CO_TRY(const AdminLockView lock, co_await world.masters.admin_lock(AdminLockRequest()));
  ShellReply reply;
  json::object summary = summary_of(view, lock);
  reply.text = fmt::format(
      "cluster {}\nmaster {} leads in term {}; {} of {} masters are alive\n{} of {} volume servers "
      "are alive, {} of {} free\n{} volumes, {} short of copies\n{} jobs{}\n",
      view.cluster_id, json::serialize(summary["leader"]), view.term,
      json::serialize(summary["masters_alive"]), view.masters.size(),
      json::serialize(summary["nodes_alive"]), view.nodes.size(),
      bytes_text(summary["free_bytes"].to_number<std::uint64_t>()),
      bytes_text(summary["total_bytes"].to_number<std::uint64_t>()), view.volumes.size(),
      json::serialize(summary["volumes_short_of_copies"]), view.jobs.size(),
      view.jobs_paused ? "; none is started by itself: they are paused" : "");
  if (!lock.owner.empty()) {
    reply.text += fmt::format("locked by {} until {}\n", lock.owner, time_text(lock.expires));
  }
  reply.json = std::move(summary);
  co_return reply;
}

Task<Result<ShellReply>> cluster_ps(ShellWorld& world, ShellArguments) {
  KELP_CO_TRY(const ClusterView view, co_await world.masters.view());
  json::object all = json_of(view).as_object();
  ShellReply reply;
  reply.text = "masters\n" + table_text(all["masters"].as_array(), kMasterColumns) +
               "\nvolume servers\n" + table_text(all["nodes"].as_array(), kNodeColumns);
  reply.json = {{"masters", std::move(all["masters"])}, {"nodes", std::move(all["nodes"])}};
  co_return reply;
}

Task<Result<ShellReply>> cluster_check(ShellWorld& world, ShellArguments) {
  KELP_CO_TRY(const ClusterView view, co_await world.masters.view());
  json::array problems = problems_of(view);
  co_await check_reach(world, view, problems);
  ShellReply reply;
  reply.good = problems.empty();
  for (const json::value& problem : problems) {
    reply.text += fmt::format("{} {}\n", problem.at("what").as_string().c_str(),
                              problem.at("why").as_string().c_str());
  }
  if (reply.good) {
    reply.text = fmt::format("nothing is wrong: {} masters, {} volume servers, {} volumes\n",
                             view.masters.size(), view.nodes.size(), view.volumes.size());
  }
  reply.json = {{"good", reply.good}, {"problems", std::move(problems)}};
  co_return reply;
}

Task<Result<ShellReply>> cluster_raft_ps(ShellWorld& world, ShellArguments) {
  KELP_CO_TRY(const ClusterView view, co_await world.masters.view());
  json::object all = json_of(view).as_object();
  ShellReply reply;
  reply.text = table_text(all["masters"].as_array(), kMasterColumns);
  reply.json = {{"term", view.term}, {"masters", std::move(all["masters"])}};
  co_return reply;
}

Task<Result<ShellReply>> cluster_raft_add(ShellWorld& world, ShellArguments arguments) {
  KELP_CO_TRY(const std::uint64_t id, arguments.number("ID", 0));
  const std::string address = arguments.get("ADDRESS");
  ShellChange change;
  change.steps.push_back(fmt::format("let master {} at {} take part", id, address));
  co_return co_await apply_or_show(world, arguments.apply, change,
                                   world.masters.add_master(id, address));
}

Task<Result<ShellReply>> cluster_raft_remove(ShellWorld& world, ShellArguments arguments) {
  KELP_CO_TRY(const std::uint64_t id, arguments.number("ID", 0));
  KELP_CO_TRY(const ClusterView view, co_await world.masters.view());
  const auto master = std::ranges::find(view.masters, id, &MasterView::id);
  if (master == view.masters.end()) {
    co_return Error(Errc::kNotFound, fmt::format("no master {} in the group", id));
  }
  ShellChange change;
  change.steps.push_back(fmt::format("take master {} at {}{} out of the group of {}", id,
                                     master->address, master->leader ? ", which leads," : "",
                                     view.masters.size()));
  co_return co_await apply_or_show(world, arguments.apply, change, world.masters.remove_master(id));
}

Task<Result<ShellReply>> cluster_raft_transfer(ShellWorld& world, ShellArguments arguments) {
  KELP_CO_TRY(const std::uint64_t id, arguments.number("ID", 0));
  const std::optional<std::uint64_t> to = id == 0 ? std::nullopt : std::optional(id);
  ShellChange change;
  change.steps.push_back(to.has_value() ? fmt::format("let master {} lead", id)
                                        : "let the master lead that is furthest");
  co_return co_await apply_or_show(world, arguments.apply, change,
                                   world.masters.transfer_leadership(to));
}

Task<Result<ShellReply>> node_evacuate(ShellWorld& world, ShellArguments arguments) {
  return intend(world, std::move(arguments), NodeIntent::kDraining, "place nothing more on");
}
Task<Result<ShellReply>> node_maintain(ShellWorld& world, ShellArguments arguments) {
  return intend(world, std::move(arguments), NodeIntent::kMaintenance,
                "place nothing on and do not repair around");
}
Task<Result<ShellReply>> node_activate(ShellWorld& world, ShellArguments arguments) {
  return intend(world, std::move(arguments), NodeIntent::kActive, "place new data on");
}

Task<Result<ShellReply>> node_remove(ShellWorld& world, ShellArguments arguments) {
  KELP_CO_TRY(const ClusterView view, co_await world.masters.view());
  KELP_CO_TRY(const NodeView node, find_node(view, arguments.get("NODE")));
  if (node.volumes > 0) {
    co_return Error(Errc::kConflict,
                    fmt::format("node {} still has {} volumes: evacuate it first",
                                node_name(view, node.identity.node_id), node.volumes));
  }
  ShellChange change;
  change.steps.push_back("forget " + node_name(view, node.identity.node_id));
  change.result["node_id"] = node.identity.node_id;
  co_return co_await apply_or_show(world, arguments.apply, change,
                                   world.masters.remove_node(node.identity.node_id));
}

Task<Result<ShellReply>> job_list(ShellWorld& world, ShellArguments) {
  KELP_CO_TRY(const ClusterView view, co_await world.masters.view());
  json::object all = json_of(view).as_object();
  ShellReply reply;
  reply.text = table_text(all["jobs"].as_array(), kJobColumns);
  if (view.jobs_paused) reply.text += "none is started by itself: they are paused\n";
  reply.json = {{"paused", view.jobs_paused}, {"jobs", std::move(all["jobs"])}};
  co_return reply;
}

Task<Result<ShellReply>> job_pause(ShellWorld& world, ShellArguments arguments) {
  return pause(world, std::move(arguments), true);
}
Task<Result<ShellReply>> job_resume(ShellWorld& world, ShellArguments arguments) {
  return pause(world, std::move(arguments), false);
}

Task<Result<ShellReply>> lock_cluster(ShellWorld& world, ShellArguments) {
  KELP_CO_CHECK(co_await world.lock.take(world.clock.mono()));
  KELP_CO_TRY(const AdminLockView lock, co_await world.masters.admin_lock(AdminLockRequest()));
  ShellReply reply;
  reply.text = fmt::format("locked as {}; unlock or the end of this shell ends it\n", lock.owner);
  reply.json = {{"locked_by", lock.owner}};
  co_return reply;
}

Task<Result<ShellReply>> unlock_cluster(ShellWorld& world, ShellArguments) {
  ShellReply reply;
  reply.text = world.lock.held() ? "unlocked\n" : "this shell had no lock\n";
  KELP_CO_CHECK(co_await world.lock.give_back());
  reply.json = {{"locked_by", nullptr}};
  co_return reply;
}

}  // namespace kelp::server
