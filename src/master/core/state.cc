#include "master/core/state.h"

#include <fmt/format.h>

#include <algorithm>

namespace kelp::master {

std::optional<NodeNumber> MasterState::find_node(std::string_view node_id) const {
  for (const auto& [number, node] : nodes) {
    if (node.identity.node_id == node_id) return number;
  }
  return std::nullopt;
}

std::optional<JobId> MasterState::job_of(VolumeId volume) const {
  for (const auto& [id, job] : jobs) {
    if (job.volume == volume) return id;
  }
  return std::nullopt;
}

void erase_member(VolumeRecord& volume, NodeNumber node) {
  const auto member = std::ranges::find(volume.members, node);
  if (member == volume.members.end()) return;
  if (volume.scheme) volume.shards.erase(volume.shards.begin() + (member - volume.members.begin()));
  volume.members.erase(member);
}

void add_member(VolumeRecord& volume, NodeNumber node, std::uint8_t shard) {
  volume.members.push_back(node);
  if (volume.scheme) volume.shards.push_back(shard);
}

std::uint8_t missing_shard(const VolumeRecord& volume) {
  std::uint8_t shard = 0;
  while (std::ranges::find(volume.shards, shard) != volume.shards.end()) ++shard;
  return volume.scheme ? shard : std::uint8_t{0};
}

std::uint8_t shard_of(const VolumeRecord& volume, NodeNumber node) {
  const auto member = std::ranges::find(volume.members, node);
  const auto place = static_cast<std::size_t>(member - volume.members.begin());
  return place < volume.shards.size() ? volume.shards[place] : std::uint8_t{0};
}

}  // namespace kelp::master
