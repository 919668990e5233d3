// volume.seal, volume.ec.change, volume.ec.decode: how the needles of a full volume lie.

#include <fmt/format.h>

#include <boost/json.hpp>

#include "server/cluster_text.h"
#include "server/config.h"
#include "server/shell/handlers.h"

namespace kelp::server {
namespace {

Task<Result<void>> start_packing(ShellWorld& world, VolumeId volume, EcScheme scheme,
                                 std::optional<Spread> spread, boost::json::object& result) {
  KELP_CO_TRY(const std::uint64_t job, co_await world.masters.pack_volume(volume, scheme, spread));
  result["job"] = job;
  co_return Result<void>();
}

/// The full volume in shards that was named.
Result<VolumeView> find_shards(const ClusterView& view, const ShellArguments& arguments) {
  KELP_TRY(VolumeView volume, find_volume(view, arguments));
  if (volume.phase == "sealed" && volume.location.scheme) return volume;
  const std::string is = volume.location.scheme ? "is " + volume.phase : "lies in copies";
  return Error(Errc::kInvalidArgument,
               fmt::format("volume {} {}: the shards of a full volume become others, or copies; "
                           "see volume.mark and volume.seal",
                           volume.location.volume.value, is));
}

/// What `spread` says of copies, or that of the volume's storage class.
std::string text_of(const std::optional<Spread>& spread) {
  if (!spread) return "as its storage class has them";
  return fmt::format("of spread {}{}{}", spread->other_data_centres, spread->other_racks,
                     spread->other_nodes);
}

}  // namespace

Task<Result<ShellReply>> volume_seal(ShellWorld& world, ShellArguments arguments) {
  KELP_CO_TRY(const EcScheme scheme, parse_ec_scheme(arguments.get("SCHEME")));
  KELP_CO_TRY(const ClusterView view, co_await world.masters.view());
  KELP_CO_TRY(const VolumeView volume, find_volume(view, arguments));
  const VolumeId id = volume.location.volume;
  if (volume.phase != "sealed" || volume.location.scheme) {
    co_return Error(
        Errc::kInvalidArgument,
        fmt::format("volume {} {}: copies of a full volume become shards; see "
                    "volume.mark and volume.ec.change",
                    id.value,
                    volume.location.scheme ? "lies in shards already" : "is " + volume.phase));
  }
  ShellChange change;
  change.steps.push_back(fmt::format("turn the copies of volume {} ({}) into shards of {}",
                                     id.value, bytes_text(volume.bytes), to_string(scheme)));
  co_return co_await apply_or_show(world, arguments.apply, change,
                                   start_packing(world, id, scheme, {}, change.result));
}

Task<Result<ShellReply>> volume_ec_change(ShellWorld& world, ShellArguments arguments) {
  KELP_CO_TRY(const EcScheme scheme, parse_ec_scheme(arguments.get("SCHEME")));
  KELP_CO_TRY(const ClusterView view, co_await world.masters.view());
  KELP_CO_TRY(const VolumeView volume, find_shards(view, arguments));
  const VolumeId id = volume.location.volume;
  if (volume.location.scheme == scheme) {
    co_return Error(Errc::kInvalidArgument,
                    fmt::format("volume {} is {} already", id.value, to_string(scheme)));
  }
  ShellChange change;
  change.steps.push_back(fmt::format("turn the shards of volume {} from {} into {}", id.value,
                                     to_string(volume.location.scheme), to_string(scheme)));
  co_return co_await apply_or_show(world, arguments.apply, change,
                                   start_packing(world, id, scheme, {}, change.result));
}

Task<Result<ShellReply>> volume_ec_decode(ShellWorld& world, ShellArguments arguments) {
  std::optional<Spread> spread;
  if (arguments.has("--replication")) {
    KELP_CO_TRY(spread, parse_spread(arguments.get("--replication")));
  }
  KELP_CO_TRY(const ClusterView view, co_await world.masters.view());
  KELP_CO_TRY(const VolumeView volume, find_shards(view, arguments));
  const VolumeId id = volume.location.volume;
  ShellChange change;
  change.steps.push_back(fmt::format("turn the shards of volume {} ({}) into copies {}", id.value,
                                     to_string(volume.location.scheme), text_of(spread)));
  co_return co_await apply_or_show(world, arguments.apply, change,
                                   start_packing(world, id, {}, spread, change.result));
}

}  // namespace kelp::server
