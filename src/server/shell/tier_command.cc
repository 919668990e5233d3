// volume.tier.move: sealed volumes from servers with one tag to servers with another.

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "server/cluster_text.h"
#include "server/shell/handlers.h"

namespace kelp::server {
namespace {

bool carries(const NodeView& node, const std::string& tag) {
  return std::ranges::find(node.identity.tags, tag) != node.identity.tags.end();
}

/// Members of the volume that are to leave: on servers with `from` and without `to`.
std::ptrdiff_t leaving(const ClusterView& view, const VolumeView& volume, const std::string& from,
                       const std::string& to) {
  return std::ranges::count_if(view.nodes, [&](const NodeView& node) {
    return has_copy(volume, node.identity.node_id) && carries(node, from) && !carries(node, to);
  });
}

Task<Result<void>> keep_on(ShellWorld& world, std::vector<VolumeId> volumes, std::string tag,
                           boost::json::object& result) {
  boost::json::array done;
  for (const VolumeId volume : volumes) {
    KELP_CO_CHECK(co_await world.masters.set_volume_tier(volume, tag));
    done.emplace_back(volume.value);
  }
  result["volumes"] = std::move(done);
  co_return Result<void>();
}

}  // namespace

Task<Result<ShellReply>> volume_tier_move(ShellWorld& world, ShellArguments arguments) {
  const std::string from = arguments.get("--fromDiskType");
  const std::string to = arguments.get("--toDiskType");
  if (from.empty() || to.empty() || from == to) {
    co_return Error(Errc::kInvalidArgument,
                    "-fromDiskType and -toDiskType are two different tags of volume servers");
  }
  KELP_CO_TRY(const ClusterView view, co_await world.masters.view());
  const auto is_there = [&to](const NodeView& node) { return carries(node, to); };
  if (std::ranges::none_of(view.nodes, is_there)) {
    co_return Error(Errc::kInvalidArgument, fmt::format("no volume server has the tag {}", to));
  }
  ShellChange change;
  std::vector<VolumeId> chosen;
  for (const VolumeView& volume : view.volumes) {
    if (arguments.has("--collection") && volume.collection != arguments.get("--collection")) {
      continue;
    }
    const auto count = volume.phase == "sealed" ? leaving(view, volume, from, to) : 0;
    if (count == 0) continue;
    chosen.push_back(volume.location.volume);
    change.steps.push_back(fmt::format("keep volume {} ({}) on {}: {} of its {} members move",
                                       volume.location.volume.value, bytes_text(volume.bytes), to,
                                       count, volume.location.members.size()));
  }
  co_return co_await apply_or_show(world, arguments.apply, change,
                                   keep_on(world, std::move(chosen), to, change.result));
}

}  // namespace kelp::server
