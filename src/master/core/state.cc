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

}  // namespace kelp::master
