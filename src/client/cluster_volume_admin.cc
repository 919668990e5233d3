#include "client/cluster_volume_admin.h"

#include <algorithm>
#include <map>

namespace kelp {

Task<Result<NodeStatus>> ClusterVolumeAdmin::status() {
  KELP_CO_TRY(const ClusterView view, co_await master_.view());
  NodeStatus status;
  for (const NodeView& node : view.nodes) {
    if (!node.alive) continue;
    status.total_bytes += node.total_bytes;
    status.free_bytes += node.free_bytes;
  }
  for (const VolumeView& volume : view.volumes) {
    VolumeStatus out;
    out.volume = volume.location.volume;
    out.generation = volume.location.generation;
    out.collection = volume.collection;
    out.file_bytes = volume.bytes;
    out.read_only = volume.copies_healthy < volume.copies_asked;
    out.frozen = volume.phase == "frozen";
    if (volume.phase != "creating") status.volumes.push_back(std::move(out));
  }
  co_return status;
}

Task<Result<void>> ClusterVolumeAdmin::create_volume(VolumeId, Generation, std::string) {
  co_return Error(Errc::kUnimplemented, "the masters make the volumes of a cluster");
}

Task<Result<std::vector<NeedleInfo>>> ClusterVolumeAdmin::list_needles(VolumeId volume,
                                                                       NeedleKey after,
                                                                       std::uint32_t limit) {
  locations_.forget(volume);
  KELP_CO_TRY(const VolumeLocation location, co_await locations_.locate(volume));
  std::map<NeedleKey, NeedleInfo> merged;
  // A full page of one copy ends where it ends: beyond, another copy's page may have gaps.
  NeedleKey complete_to{UINT64_MAX};
  for (const VolumeMember& member : location.members) {
    const auto node = nodes_.at(member.address);
    KELP_CO_TRY(const auto page, co_await node->list_needles(volume, after, limit));
    if (page.size() >= limit) complete_to = std::min(complete_to, page.back().key);
    for (const NeedleInfo& info : page) merged.emplace(info.key, info);
  }
  std::vector<NeedleInfo> out;
  for (const auto& [key, info] : merged) {
    if (key <= complete_to && out.size() < limit) out.push_back(info);
  }
  co_return out;
}

Task<Result<std::vector<NeedleInfo>>> ClusterVolumeAdmin::verify_volume(VolumeId volume) {
  KELP_CO_TRY(const VolumeLocation location, co_await locations_.locate(volume));
  std::map<NeedleKey, NeedleInfo> failed;
  for (const VolumeMember& member : location.members) {
    const auto node = nodes_.at(member.address);
    KELP_CO_TRY(const auto found, co_await node->verify_volume(volume));
    for (const NeedleInfo& info : found) failed.emplace(info.key, info);
  }
  std::vector<NeedleInfo> out;
  for (const auto& [key, info] : failed) out.push_back(info);
  co_return out;
}

}  // namespace kelp
