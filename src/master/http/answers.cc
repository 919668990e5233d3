#include "master/http/answers.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <map>
#include <set>
#include <tuple>

#include "base/encoding.h"
#include "kelp/version.h"
#include "wire/fid.h"
#include "wire/node_http.h"

namespace kelp::master {
namespace {

namespace json = boost::json;

/// "1-3 7" for 1, 2, 3 and 7.
std::string ranges_of(const std::set<std::uint32_t>& ids) {
  std::string out;
  for (auto at = ids.begin(); at != ids.end();) {
    const std::uint32_t first = *at;
    std::uint32_t last = first;
    while (++at != ids.end() && *at == last + 1) ++last;
    out += fmt::format("{}{}", out.empty() ? "" : " ", first);
    if (last > first) out += fmt::format("-{}", last);
  }
  return out;
}

/// Which volumes each node has a copy of, by node id.
std::map<std::string, std::set<std::uint32_t>> volumes_by_node(const ClusterView& view) {
  std::map<std::string, std::set<std::uint32_t>> out;
  for (const VolumeView& volume : view.volumes) {
    for (const VolumeMember& member : volume.location.members) {
      out[member.node_id].insert(volume.location.volume.value);
    }
  }
  return out;
}

json::object node_answer(const NodeView& node, const std::set<std::uint32_t>& volumes,
                         std::uint64_t size_limit) {
  std::string url = http_address_of(node.identity.tags);
  if (url.empty()) url = node.identity.address;
  return {{"Id", node.identity.node_id},
          {"Url", url},
          {"PublicUrl", url},
          {"Volumes", node.volumes},
          {"VolumeIds", ranges_of(volumes)},
          {"EcShards", 0},
          {"Max", node.total_bytes / size_limit},
          {"Free", node.free_bytes / size_limit},
          {"TotalBytes", node.total_bytes},
          {"FreeBytes", node.free_bytes},
          {"IsAlive", node.alive}};
}

json::array layouts_of(const ClusterView& view) {
  std::map<std::pair<std::string, std::string>, json::array> writable;
  for (const VolumeView& volume : view.volumes) {
    json::array& ids = writable[{volume.collection, spread_digits(volume.spread)}];
    if (volume.location.writable) ids.emplace_back(volume.location.volume.value);
  }
  json::array out;
  for (auto& [key, ids] : writable) {
    out.push_back({{"collection", key.first},
                   {"replication", key.second},
                   {"ttl", ""},
                   {"writables", std::move(ids)}});
  }
  return out;
}

json::object copy_answer(const VolumeView& volume) {
  return {{"Id", volume.location.volume.value},
          {"Size", volume.bytes},
          {"Collection", volume.collection},
          {"ReplicaPlacement", spread_digits(volume.spread)},
          {"Generation", volume.location.generation.value},
          {"Phase", volume.phase},
          {"ReadOnly", !volume.location.writable}};
}

}  // namespace

std::string spread_digits(const Spread& spread) {
  return fmt::format("{}{}{}", spread.other_data_centres, spread.other_racks, spread.other_nodes);
}

json::value assign_answer(const WriteLease& lease, Cookie cookie) {
  const std::string url = lease.members.empty() ? "" : lease.members.front().address;
  return {{"fid", to_string(FileId{lease.volume, lease.first_key, cookie})},
          {"url", url},
          {"publicUrl", url},
          {"count", lease.key_count},
          {"auth", base64_encode(lease.token)}};
}

json::value lookup_answer(std::string_view asked, const VolumeLocation& location) {
  json::array locations;
  for (const VolumeMember& member : location.members) {
    locations.push_back({{"url", member.address}, {"publicUrl", member.address}});
  }
  return {{"volumeOrFileId", asked}, {"locations", std::move(locations)}};
}

json::value dir_status_answer(const ClusterView& view, std::uint64_t volume_size_limit) {
  const auto volumes = volumes_by_node(view);
  static const std::set<std::uint32_t> kNone;
  std::uint64_t max = 0;
  std::uint64_t free = 0;
  std::map<std::string, std::map<std::string, json::array>> centres;
  for (const NodeView& node : view.nodes) {
    const auto found = volumes.find(node.identity.node_id);
    json::object out =
        node_answer(node, found == volumes.end() ? kNone : found->second, volume_size_limit);
    max += node.total_bytes / volume_size_limit;
    free += node.free_bytes / volume_size_limit;
    centres[node.identity.data_centre][node.identity.rack].push_back(std::move(out));
  }
  json::array data_centres;
  for (auto& [centre, racks] : centres) {
    json::array out;
    for (auto& [rack, nodes] : racks) {
      out.push_back({{"Id", rack}, {"DataNodes", std::move(nodes)}});
    }
    data_centres.push_back({{"Id", centre}, {"Racks", std::move(out)}});
  }
  return {{"Topology",
           {{"Max", max},
            {"Free", free},
            {"DataCenters", std::move(data_centres)},
            {"Layouts", layouts_of(view)}}},
          {"Version", kVersion}};
}

json::value volume_status_answer(const ClusterView& view) {
  std::map<std::string, const NodeIdentity*> nodes;
  json::object centres;
  for (const NodeView& node : view.nodes) {
    nodes[node.identity.node_id] = &node.identity;
    json::value& centre = centres[node.identity.data_centre];
    if (!centre.is_object()) centre.emplace_object();
    json::value& rack = centre.as_object()[node.identity.rack];
    if (!rack.is_object()) rack.emplace_object();
    rack.as_object()[node.identity.address] = json::array();
  }
  for (const VolumeView& volume : view.volumes) {
    for (const VolumeMember& member : volume.location.members) {
      const auto at = nodes.find(member.node_id);
      if (at == nodes.end()) continue;
      const NodeIdentity& node = *at->second;
      json::object& rack = centres[node.data_centre].as_object()[node.rack].as_object();
      rack[node.address].as_array().push_back(copy_answer(volume));
    }
  }
  return {{"Volumes", {{"DataCenters", std::move(centres)}}}, {"Version", kVersion}};
}

json::value cluster_status_answer(const GroupView& group) {
  json::object out{{"IsLeader", group.leader == group.self}};
  json::array peers;
  for (const auto& [id, address] : group.masters) {
    if (group.leader == id) {
      out["Leader"] = address;
    } else {
      peers.push_back(json::string(address));
    }
  }
  out["Peers"] = std::move(peers);
  return out;
}

}  // namespace kelp::master
