// Volumes and their copies.

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <map>

#include "server/cluster_text.h"
#include "server/shell/handlers.h"
#include "server/shell/table.h"

namespace kelp::server {
namespace {

namespace json = boost::json;
using Show = Column::Show;

constexpr Column kVolumeColumns[] = {
    {"volume"},       {"phase"},  {"generation"},          {"copies_healthy"},
    {"copies_asked"}, {"spread"}, {"bytes", Show::kBytes}, {"nodes"},
    {"collection"}};
constexpr Column kCollectionColumns[] = {
    {"collection"}, {"volumes"}, {"writable"}, {"bytes", Show::kBytes}};
constexpr Column kCopyColumns[] = {{"volume"},     {"node"},      {"generation"}, {"needles"},
                                   {"live_bytes"}, {"keys_hash"}, {"same"},       {"error"}};
constexpr Column kScrubColumns[] = {{"volume"}, {"node"}, {"damaged"}, {"error"}};

/// One volume when it was named, else all that may hold needles.
Result<std::vector<VolumeView>> chosen_volumes(const ClusterView& view,
                                               const ShellArguments& arguments) {
  std::vector<VolumeView> out;
  if (arguments.has("VOLUME")) {
    KELP_TRY(VolumeView one, find_volume(view, arguments));
    out.push_back(std::move(one));
    return out;
  }
  for (const VolumeView& volume : view.volumes) {
    if (volume.phase != "creating") out.push_back(volume);
  }
  return out;
}

/// The id of the volume server that was named; empty when none was. kNotFound, kInvalidArgument.
Result<std::string> chosen_node(const ClusterView& view, const ShellArguments& arguments) {
  if (!arguments.has("--node")) return std::string();
  KELP_TRY(const NodeView node, find_node(view, arguments.get("--node")));
  return node.identity.node_id;
}

/// What the masters would start, or started.
std::string step_of(const ClusterView& view, const JobView& job) {
  const std::string volume = fmt::format("volume {}", job.volume.value);
  if (job.from.empty()) {
    return fmt::format("make a copy of {} at {}", volume, node_name(view, job.to));
  }
  return fmt::format("move {} from {} to {}", volume, node_name(view, job.from),
                     node_name(view, job.to));
}

Task<Result<void>> start_jobs(ShellWorld& world, PlanKind kind, json::object& result) {
  KELP_CO_TRY(const auto jobs, co_await world.masters.plan_jobs(kind, true));
  json::array ids;
  for (const JobView& job : jobs) ids.emplace_back(job.id);
  result["jobs"] = std::move(ids);
  co_return Result<void>();
}

Task<Result<ShellReply>> plan(ShellWorld& world, ShellArguments arguments, PlanKind kind) {
  KELP_CO_TRY(const ClusterView view, co_await world.masters.view());
  KELP_CO_TRY(const auto jobs, co_await world.masters.plan_jobs(kind, false));
  ShellChange change;
  for (const JobView& job : jobs) change.steps.push_back(step_of(view, job));
  co_return co_await apply_or_show(world, arguments.apply, change,
                                   start_jobs(world, kind, change.result));
}

Task<Result<void>> start_move(ShellWorld& world, VolumeId volume, std::string from, std::string to,
                              json::object& result) {
  KELP_CO_TRY(const std::uint64_t job,
              co_await world.masters.move_volume(volume, std::move(from), std::move(to)));
  result["job"] = job;
  co_return Result<void>();
}

Task<Result<void>> grow(ShellWorld& world, std::string collection, std::uint32_t count,
                        json::object& result) {
  KELP_CO_TRY(const auto made, co_await world.masters.grow_volumes(std::move(collection), count));
  json::array ids;
  for (const VolumeId volume : made) ids.emplace_back(volume.value);
  result["volumes"] = std::move(ids);
  co_return Result<void>();
}

/// What each copy of a volume holds, in the order of its members.
Task<std::vector<Result<VolumeDigest>>> digests_of(ShellWorld& world, const ClusterView& view,
                                                   const VolumeView& volume) {
  std::vector<Result<VolumeDigest>> out;
  for (const VolumeMember& member : volume.location.members) {
    if (!is_alive(view, member.node_id)) {
      out.emplace_back(Error(Errc::kUnavailable, "the volume server is silent"));
      continue;
    }
    const auto node = world.volumes.at(member.address);
    out.push_back(co_await node->digest(volume.location.volume, false));
  }
  co_return out;
}

/// Shards of one needle have different lengths, so of those the number alone is compared.
bool all_same(const std::vector<Result<VolumeDigest>>& digests, EcScheme scheme) {
  return std::ranges::all_of(digests, [&](const Result<VolumeDigest>& digest) {
    if (!digest.has_value() || !digests.front().has_value()) return false;
    const VolumeDigest& first = *digests.front();
    if (!scheme) return *digest == first;
    return digest->generation == first.generation && digest->needles == first.needles;
  });
}

/// The copies of one volume as rows; several looks, because writes go on meanwhile.
Task<bool> check_copies(ShellWorld& world, const ClusterView& view, VolumeView volume,
                        json::array& rows) {
  constexpr int kLooks = 5;
  constexpr std::chrono::milliseconds kPause{300};
  auto digests = co_await digests_of(world, view, volume);
  for (int look = 1; look < kLooks && !all_same(digests, volume.location.scheme); ++look) {
    const auto slept = co_await world.timers.sleep_until(world.clock.mono() + kPause);
    if (!slept.has_value()) break;
    digests = co_await digests_of(world, view, volume);
  }
  const bool same = all_same(digests, volume.location.scheme);
  for (std::size_t i = 0; i < digests.size(); ++i) {
    json::object row{{"volume", volume.location.volume.value},
                     {"node", node_name(view, volume.location.members[i].node_id)},
                     {"same", same}};
    if (digests[i].has_value()) {
      row["generation"] = digests[i]->generation.value;
      row["needles"] = digests[i]->needles;
      row["live_bytes"] = digests[i]->live_bytes;
      row["keys_hash"] = fmt::format("{:016x}", digests[i]->keys_hash);
    } else {
      row["error"] = digests[i].error().message();
    }
    rows.push_back(std::move(row));
  }
  co_return same;
}

/// Every byte of one copy is read; a row when something was found.
Task<bool> scrub_copy(ShellWorld& world, const ClusterView& view, VolumeId volume,
                      VolumeMember member, json::array& rows) {
  json::object row{{"volume", volume.value}, {"node", node_name(view, member.node_id)}};
  json::array damaged;
  bool good = false;
  if (is_alive(view, member.node_id)) {
    const auto found = co_await world.volumes.at(member.address)->verify_volume(volume);
    if (found.has_value()) {
      good = found->empty();
      for (const NeedleInfo& needle : *found) {
        damaged.push_back(json::string(to_string(FileId{volume, needle.key, needle.cookie})));
      }
    } else {
      row["error"] = found.error().message();
    }
  } else {
    row["error"] = "the volume server is silent";
  }
  row["good"] = good;
  row["damaged"] = std::move(damaged);
  rows.push_back(std::move(row));
  co_return good;
}

/// A volume's row as `kelp cluster status` has it, with names in place of node ids.
json::array rows_of(const ClusterView& view, const ShellArguments& arguments,
                    const std::string& node_id) {
  json::array all = json_of(view).at("volumes").as_array();
  json::array rows;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const VolumeView& volume = view.volumes[i];
    if (arguments.has("--collection") && volume.collection != arguments.get("--collection")) {
      continue;
    }
    if (!node_id.empty() && !has_copy(volume, node_id)) continue;
    json::array nodes;
    for (const VolumeMember& member : volume.location.members) {
      nodes.push_back(json::string(member.address));
    }
    all[i].as_object()["nodes"] = std::move(nodes);
    rows.push_back(std::move(all[i]));
  }
  return rows;
}

}  // namespace

Result<VolumeView> find_volume(const ClusterView& view, const ShellArguments& arguments) {
  KELP_TRY(const std::uint64_t id, arguments.number("VOLUME", 0));
  for (const VolumeView& volume : view.volumes) {
    if (volume.location.volume.value == id) return volume;
  }
  return Error(Errc::kNotFound, fmt::format("no volume {}", id));
}

bool has_copy(const VolumeView& volume, const std::string& node_id) {
  const auto& members = volume.location.members;
  return std::ranges::find(members, node_id, &VolumeMember::node_id) != members.end();
}

bool is_alive(const ClusterView& view, const std::string& node_id) {
  return std::ranges::any_of(view.nodes, [&](const NodeView& node) {
    return node.alive && node.identity.node_id == node_id;
  });
}

Task<Result<ShellReply>> volume_list(ShellWorld& world, ShellArguments arguments) {
  KELP_CO_TRY(const ClusterView view, co_await world.masters.view());
  KELP_CO_TRY(const std::string node_id, chosen_node(view, arguments));
  json::array rows = rows_of(view, arguments, node_id);
  ShellReply reply;
  reply.text = table_text(rows, kVolumeColumns);
  reply.json = {{"volumes", std::move(rows)}};
  co_return reply;
}

Task<Result<ShellReply>> collection_list(ShellWorld& world, ShellArguments) {
  KELP_CO_TRY(const ClusterView view, co_await world.masters.view());
  struct Sum {
    std::uint64_t volumes = 0;
    std::uint64_t writable = 0;
    std::uint64_t bytes = 0;
  };
  std::map<std::string, Sum> sums;
  for (const VolumeView& volume : view.volumes) {
    Sum& sum = sums[volume.collection];
    ++sum.volumes;
    if (volume.location.writable) ++sum.writable;
    sum.bytes += volume.bytes;
  }
  json::array rows;
  for (const auto& [collection, sum] : sums) {
    rows.push_back({{"collection", collection},
                    {"volumes", sum.volumes},
                    {"writable", sum.writable},
                    {"bytes", sum.bytes}});
  }
  ShellReply reply;
  reply.text = table_text(rows, kCollectionColumns);
  reply.json = {{"collections", std::move(rows)}};
  co_return reply;
}

Task<Result<ShellReply>> volume_move(ShellWorld& world, ShellArguments arguments) {
  KELP_CO_TRY(const ClusterView view, co_await world.masters.view());
  KELP_CO_TRY(const VolumeView volume, find_volume(view, arguments));
  KELP_CO_TRY(const NodeView from, find_node(view, arguments.get("FROM")));
  KELP_CO_TRY(const NodeView to, find_node(view, arguments.get("TO")));
  const VolumeId id = volume.location.volume;
  if (!has_copy(volume, from.identity.node_id) || has_copy(volume, to.identity.node_id)) {
    co_return Error(
        Errc::kInvalidArgument,
        fmt::format("volume {} must have a copy at {} and none at {}", id.value,
                    node_name(view, from.identity.node_id), node_name(view, to.identity.node_id)));
  }
  ShellChange change;
  change.steps.push_back(
      fmt::format("move volume {} ({}) from {} to {}", id.value, bytes_text(volume.bytes),
                  node_name(view, from.identity.node_id), node_name(view, to.identity.node_id)));
  co_return co_await apply_or_show(
      world, arguments.apply, change,
      start_move(world, id, from.identity.node_id, to.identity.node_id, change.result));
}

Task<Result<ShellReply>> volume_mark(ShellWorld& world, ShellArguments arguments) {
  const std::string state = arguments.get("STATE");
  if (state != "readonly") {
    co_return Error(Errc::kInvalidArgument,
                    fmt::format("'{}': the one state is readonly; a sealed volume is not opened "
                                "again, others are made when they are needed",
                                state));
  }
  KELP_CO_TRY(const ClusterView view, co_await world.masters.view());
  KELP_CO_TRY(const VolumeView volume, find_volume(view, arguments));
  const VolumeId id = volume.location.volume;
  ShellChange change;
  if (volume.phase != "sealed") {
    change.steps.push_back(fmt::format("let volume {} ({}) take no more needles, for good",
                                       id.value, bytes_text(volume.bytes)));
  }
  co_return co_await apply_or_show(world, arguments.apply, change, world.masters.seal_volume(id));
}

Task<Result<ShellReply>> volume_grow(ShellWorld& world, ShellArguments arguments) {
  KELP_CO_TRY(const std::uint64_t count, arguments.number("COUNT", 0));
  const std::string collection = arguments.get("--collection");
  ShellChange change;
  change.steps.push_back(
      fmt::format("make {} volumes{}", count,
                  collection.empty() ? "" : fmt::format(" of collection {}", collection)));
  const auto wanted = static_cast<std::uint32_t>(std::min<std::uint64_t>(count, UINT32_MAX));
  co_return co_await apply_or_show(world, arguments.apply, change,
                                   grow(world, collection, wanted, change.result));
}

Task<Result<ShellReply>> volume_balance(ShellWorld& world, ShellArguments arguments) {
  return plan(world, std::move(arguments), PlanKind::kMove);
}
Task<Result<ShellReply>> volume_fix_replication(ShellWorld& world, ShellArguments arguments) {
  return plan(world, std::move(arguments), PlanKind::kRepair);
}

Task<Result<ShellReply>> volume_check_disk(ShellWorld& world, ShellArguments arguments) {
  KELP_CO_TRY(const ClusterView view, co_await world.masters.view());
  KELP_CO_TRY(const auto volumes, chosen_volumes(view, arguments));
  ShellReply reply;
  json::array rows;
  for (const VolumeView& volume : volumes) {
    const bool same = co_await check_copies(world, view, volume, rows);
    reply.good = reply.good && same;
  }
  reply.text = table_text(rows, kCopyColumns) +
               (reply.good ? "the copies are the same\n" : "COPIES DIFFER or cannot be read\n");
  reply.json = {{"good", reply.good}, {"copies", std::move(rows)}};
  co_return reply;
}

Task<Result<ShellReply>> volume_scrub(ShellWorld& world, ShellArguments arguments) {
  KELP_CO_TRY(const ClusterView view, co_await world.masters.view());
  KELP_CO_TRY(const auto volumes, chosen_volumes(view, arguments));
  KELP_CO_TRY(const std::string node_id, chosen_node(view, arguments));
  ShellReply reply;
  json::array rows;
  for (const VolumeView& volume : volumes) {
    for (const VolumeMember& member : volume.location.members) {
      if (!node_id.empty() && member.node_id != node_id) continue;
      const bool good = co_await scrub_copy(world, view, volume.location.volume, member, rows);
      reply.good = reply.good && good;
    }
  }
  reply.text = table_text(rows, kScrubColumns) +
               (reply.good ? "every byte is as it was written\n" : "DAMAGED or not read\n");
  reply.json = {{"good", reply.good}, {"copies", std::move(rows)}};
  co_return reply;
}

}  // namespace kelp::server
